// A page of the explorer is one row: the rail, the shortcuts, --screenshot and the palette are made from the
// table (pages.cpp), and a new page touches one row and one file.
#pragma once

#include <QString>
#include <QWidget>
#include <vector>

namespace heapprof::gui {

class Page;     // gui/view/page_base.h: what every page can do
class Session;  // gui/model/session.h: snapshots, the global query, history

// What a page needs of a dump before it can show anything; else it shows its empty text.
enum class Needs : unsigned {
  kNothing = 0,
  kSamples = 1,
  kHeapSnapshot = 2,
  kTwoDumps = 4,
  kPurges = 8,
  kTimeline = 16
};

struct PageRow {
  const char* id;  // "overview", "flame", "map"; also --screenshot's argument
  const char* title;
  int key;  // Ctrl+0...9
  Needs needs;
  const char* command;    // the same on the command line; view/README.md has its words
  const char* emptyText;  // what is missing; after a newline, the exact command that records it
  const char* keys;       // the page's own keys for the help: "key<TAB>what it does" a line
  Page* (*create)(Session& session, QWidget* parent);
};

const std::vector<PageRow>& pages();

// The row with this id; null: there is none.
const PageRow* findPage(const QString& id);

// The command line that shows what the page shows, with the dumps and filters in force; "" without one.
QString commandFor(const PageRow& row, const Session& session);

}  // namespace heapprof::gui
