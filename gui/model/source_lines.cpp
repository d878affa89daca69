#include "gui/model/source_lines.h"

#include <QDateTime>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <algorithm>
#include <cmath>
#include <map>

#include "profiler/model/columns.h"

namespace heapprof::gui {
namespace {

using model::Column;

constexpr qint64 kLargestFile = 16 << 20;  // more is generated, and nobody's source

struct Line {
  std::size_t row;  // of `top`
  qint64 number;
};

// Of "f::g src/f.cpp:12", as top prints nodes by line, for the function f::g.
std::map<QString, std::vector<Line>> linesOf(const model::Table& lines, const QString& function) {
  std::map<QString, std::vector<Line>> byFile;
  const std::vector<std::string>& names = lines.find("name")->texts;
  const std::string prefix = function.toStdString() + ' ';
  for (std::size_t row = 0; row < names.size(); ++row) {
    if (names[row].compare(0, prefix.size(), prefix) != 0) continue;
    const QString place = QString::fromStdString(names[row].substr(prefix.size()));
    bool isNumber = false;
    const qint64 number = place.section(u':', -1).toLongLong(&isNumber);
    if (isNumber && number > 0) byFile[place.section(u':', 0, -2)].push_back({row, number});
  }
  return byFile;
}

double weightOf(const model::Table& lines, const std::vector<Line>& of) {
  double most = 0;
  for (const Line& line : of) most = std::max(most, std::fabs(lines.find("cum")->values[line.row]));
  return most;
}

Column likeOf(const Column& column) {
  Column like = column;
  like.texts.clear();
  like.values.clear();
  like.standardError.clear();
  like.known.clear();
  return like;
}

void addCell(Column& to, const Column& from, std::size_t row) {
  const bool hasError = row < from.standardError.size();
  model::addWithError(to, from.values[row], hasError ? from.standardError[row] : model::kNoError);
}

void addBlankCell(Column& to) {
  model::addBlank(to);
  to.standardError.resize(to.values.size(), model::kNoError);
}

}  // namespace

QString findSource(const QString& file, const QStringList& folders) {
  if (QFileInfo(file).isAbsolute() && QFileInfo(file).isFile()) return file;
  const QStringList parts = file.split(u'/', Qt::SkipEmptyParts);
  for (const QString& folder : folders) {
    for (qsizetype from = 0; from < parts.size(); ++from) {
      const QString path = QDir(folder).filePath(parts.mid(from).join(u'/'));
      if (QFileInfo(path).isFile()) return path;
    }
  }
  return {};
}

SourceAnswer sourceOf(const model::Table& lines, const QString& function, const QStringList& folders,
                      qint64 dumpedAt) {
  SourceAnswer answer;
  const std::map<QString, std::vector<Line>> byFile = linesOf(lines, function);
  Column flat = likeOf(*lines.find("flat")), cum = likeOf(*lines.find("cum"));
  Column number = model::numberColumn("line", "Line", model::Unit::kCount, "in the file");
  Column text = model::textColumn("source", "Source", "of the file as it is on this machine now");
  std::vector<Line> wanted;
  for (const auto& [file, of] : byFile) {
    if (!answer.file.isEmpty() && weightOf(lines, of) <= weightOf(lines, wanted)) continue;
    answer.file = file;
    wanted = of;
  }
  QStringList texts;
  if (wanted.empty()) {
    answer.problem = QStringLiteral(
        "The dump has no lines for this function. Build with -g, and keep the binary or its debug file where "
        "the dump is opened.");
  } else {
    answer.path = findSource(answer.file, folders);
    QFile source(answer.path);
    if (answer.path.isEmpty()) {
      answer.problem = QStringLiteral("%1 is not on this machine. Start heapprof-gui in the source folder.")
                           .arg(answer.file);
    } else if (source.size() > kLargestFile || !source.open(QIODevice::ReadOnly)) {
      answer.problem = QStringLiteral("%1: %2").arg(
          answer.path, source.isOpen() || source.size() > kLargestFile ? QStringLiteral("larger than 16 MiB")
                                                                       : source.errorString());
    } else {
      texts = QString::fromUtf8(source.readAll()).split(u'\n');
      if (dumpedAt > 0 && QFileInfo(answer.path).lastModified().toSecsSinceEpoch() > dumpedAt) {
        answer.problem = QStringLiteral("Changed since the dump was taken: lines may have moved.");
      }
    }
  }
  std::map<qint64, std::size_t> rowOf;
  for (const Line& line : wanted) rowOf[line.number] = line.row;
  const qint64 last = rowOf.empty() ? 0 : rowOf.rbegin()->first;
  if (!texts.isEmpty() && last > texts.size()) {
    answer.problem = QStringLiteral("%1 has %2 lines, the dump names line %3: it is not the same file.")
                         .arg(answer.path)
                         .arg(texts.size())
                         .arg(last);
  }
  double most = -1;
  const auto add = [&](qint64 at, const QString& said) {
    const auto found = rowOf.find(at);
    found == rowOf.end() ? addBlankCell(flat) : addCell(flat, *lines.find("flat"), found->second);
    found == rowOf.end() ? addBlankCell(cum) : addCell(cum, *lines.find("cum"), found->second);
    model::addKnown(number, static_cast<double>(at));
    text.texts.push_back(said.toStdString());
    if (found == rowOf.end() || std::fabs(cum.values.back()) <= most) return;
    most = std::fabs(cum.values.back());
    answer.heaviest = static_cast<int>(number.values.size()) - 1;
  };
  for (qsizetype i = 0; i < texts.size(); ++i)
    add(i + 1, QString(texts[i]).replace(u'\t', QStringLiteral("    ")));
  if (texts.isEmpty()) {
    for (const auto& [at, row] : rowOf) add(at, QString());
  }
  answer.table.id = "source";
  answer.table.columns = {std::move(flat), std::move(cum), std::move(number), std::move(text)};
  if (byFile.size() > 1) {
    answer.table.notes.push_back("functions of this name are in " + std::to_string(byFile.size()) + " files");
  }
  return answer;
}

}  // namespace heapprof::gui
