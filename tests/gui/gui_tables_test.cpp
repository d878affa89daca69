// Tables and trees without a window: their order, what changed since a baseline, branches of a call tree.
#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QtTest>
#include <cmath>

#include "gui/model/call_tree_model.h"
#include "gui/model/row_order_model.h"
#include "gui/model/session.h"
#include "gui/model/table_model.h"
#include "profiler/analysis/table_change.h"

using namespace heapprof;
using namespace heapprof::gui;

namespace {

constexpr auto kFail = QAbstractItemModelTester::FailureReportingMode::QtTest;

model::Column texts(const char* id, std::vector<std::string> values) {
  model::Column column;
  column.id = column.title = id;
  column.texts = std::move(values);
  return column;
}

model::Column figures(const char* id, std::vector<double> values, std::vector<std::uint8_t> known = {},
                      std::vector<double> errors = {}) {
  model::Column column;
  column.id = column.title = id;
  column.unit = model::Unit::kBytes;
  column.values = std::move(values);
  column.known = std::move(known);
  column.standardError = std::move(errors);
  return column;
}

std::shared_ptr<model::Table> tableOf(std::vector<model::Column> columns) {
  auto table = std::make_shared<model::Table>();
  table->id = "made";
  table->columns = std::move(columns);
  return table;
}

std::vector<std::uint32_t> ordered(const model::Table& table, int column, bool descending,
                                   const char* filter = "") {
  return orderRows(table,
                   {column, descending,
                    QRegularExpression(QLatin1String(filter), QRegularExpression::CaseInsensitiveOption)});
}

// root ─ f(+60: 100 was 40) ─ g(100)
//      └ h(gone: 0 was 20)
std::shared_ptr<analysis::CallTree> changedTree() {
  auto tree = std::make_shared<analysis::CallTree>();
  tree->names = {"root", "f", "g", "h"};
  tree->modules = {"", "server"};
  tree->unit = "bytes";
  tree->hasBaseline = true;
  tree->nodes.resize(4);
  const auto set = [&](std::uint32_t at, std::uint32_t parent, std::uint32_t first, std::uint32_t children,
                       std::uint32_t depth, double total, double base) {
    analysis::CallTree::Node& node = tree->nodes[at];
    node.name = at == 2 ? 3 : at == 3 ? 2 : at;
    node.parent = parent;
    node.firstChild = first;
    node.childCount = children;
    node.depth = depth;
    node.module = at == 0 ? 0 : 1;
    node.total = total;
    node.baseTotal = base;
  };
  set(0, 0, 1, 2, 0, 100, 60);
  set(1, 0, 3, 1, 1, 100, 40);
  set(2, 0, 4, 0, 1, 0, 20);
  set(3, 1, 4, 0, 2, 100, 40);
  return tree;
}

}  // namespace

class GuiTablesTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void rowsSortByFiguresWithUnknownLastBothWays() {
    const auto table =
        tableOf({texts("name", {"b", "A", "c", "d"}), figures("bytes", {900, 1000, 0, 900}, {1, 1, 0, 1})});
    QCOMPARE(ordered(*table, 1, true), (std::vector<std::uint32_t>{1, 0, 3, 2}));
    QCOMPARE(ordered(*table, 1, false),
             (std::vector<std::uint32_t>{0, 3, 1, 2}));  // equal ones as they stood
    QCOMPARE(ordered(*table, 0, false), (std::vector<std::uint32_t>{1, 0, 2, 3}));  // letters in either case
    QCOMPARE(ordered(*table, -1, false, "^[bc]$"), (std::vector<std::uint32_t>{0, 2}));
  }

  void theOrderedModelKeepsQtsContractAndTheSelection() {
    TableModel source;
    RowOrderModel rows(&source, nullptr, nullptr);
    const QAbstractItemModelTester tester(&rows, kFail);
    source.setTable(tableOf({texts("name", {"b", "a", "c"}), figures("bytes", {2, 3, 1})}));
    const QPersistentModelIndex kept = rows.index(1, 0);
    rows.sort(1, Qt::AscendingOrder);
    QCOMPARE(rows.index(0, 0).data().toString(), QStringLiteral("c"));
    QCOMPARE(kept.row(), 2);
    QCOMPARE(kept.data().toString(), QStringLiteral("a"));
    rows.setFilter(QRegularExpression(QStringLiteral("b")));
    QCOMPARE(rows.rowCount(), 1);
    QCOMPARE(rows.headerData(1, Qt::Horizontal, Qt::DisplayRole).toString(), QStringLiteral("bytes"));
    QVERIFY(!rows.mapFromSource(source.index(0, 0)).data().toString().isEmpty());
    QVERIFY(!rows.mapFromSource(source.index(1, 0)).isValid());
    source.setTable(
        tableOf({texts("name", {"x", "bb"}), figures("bytes", {2, 3})}));  // sorted and searched as before
    QCOMPARE(rows.rowCount(), 1);
    QCOMPARE(rows.index(0, 0).data().toString(), QStringLiteral("bb"));
    source.setTable(nullptr);
    QCOMPARE(rows.rowCount(), 0);
  }

  void aLongTableIsOrderedOnAWorkerAndShownMeanwhile() {
    constexpr std::size_t kRows = 2 * RowOrderModel::kAtOnce;
    std::vector<std::string> names;
    std::vector<double> values;
    for (std::size_t i = 0; i < kRows; ++i) {
      names.push_back("f" + std::to_string(i));
      values.push_back(static_cast<double>(i * 7919 % kRows));
    }
    Session session;
    TableModel source;
    RowOrderModel rows(&source, &session, nullptr);
    source.setTable(tableOf({texts("name", names), figures("bytes", values)}));
    rows.sort(1, Qt::DescendingOrder);
    QCOMPARE(session.activity(), 1);
    QCOMPARE(rows.rowCount(), static_cast<int>(kRows));
    QCOMPARE(rows.index(0, 0).data().toString(), QStringLiteral("f0"));  // as it stood
    rows.sort(1, Qt::AscendingOrder);                                    // overtakes
    QTRY_COMPARE(session.activity(), 0);
    for (int row = 0; row < 100; ++row)
      QCOMPARE(rows.index(row, 1).data(kSortRole).toDouble(), static_cast<double>(row));
    rows.setFilter(QRegularExpression(QStringLiteral("^f42$")));
    QTRY_COMPARE(rows.rowCount(), 1);
  }

  void changesMeetByTheirKeysAndWhatIsGoneStays() {
    const auto now = tableOf(
        {texts("name", {"grew", "new"}), figures("bytes", {300, 50}, {}, {3, 1}), figures("other", {1, 2})});
    const auto base = tableOf({texts("name", {"gone", "grew"}), figures("bytes", {400, 100}, {}, {5, 4}),
                               figures("other", {7, 8})});
    const model::Table changed =
        analysis::withChange(*now, *base, {"name"}, "bytes", analysis::ChangeOrder::kLargestFirst);
    QCOMPARE(changed.rows(), std::size_t{3});
    QCOMPARE(changed.columns[0].id, std::string("change"));
    QVERIFY(changed.columns[0].isSigned);
    QCOMPARE(changed.find("name")->texts, (std::vector<std::string>{"gone", "grew", "new"}));
    QCOMPARE(changed.columns[0].values, (std::vector<double>{-400, 200, 50}));
    QCOMPARE(changed.columns[0].standardError, (std::vector<double>{5, 5, 1}));
    QVERIFY(changed.find("bytes")->isBlank(0) && changed.find("other")->isBlank(0));
    QCOMPARE(changed.find("bytes")->values[1], 300.0);
    TableModel model;
    const QAbstractItemModelTester tester(&model, kFail);
    model.setTable(std::make_shared<model::Table>(changed));
    QCOMPARE(model.index(1, 0).data().toString(), QStringLiteral("+200B ± 5B"));
    QCOMPARE(model.index(1, 0).data(kSignRole).toInt(), 1);
    // Within twice its error a change is none, and has no colour.
    auto unsure = std::make_shared<model::Table>(changed);
    unsure->columns[0].standardError[1] = 150;
    model.setTable(unsure);
    QCOMPARE(model.index(1, 0).data(kSignRole).toInt(), 0);
    // As it stood: what is gone comes last, the change beside its figure; an unknown side leaves it unknown.
    const auto blind = tableOf({texts("name", {"grew"}), figures("bytes", {0}, {0})});
    const model::Table beside =
        analysis::withChange(*now, *blind, {"name"}, "bytes", analysis::ChangeOrder::kAsBefore);
    QCOMPARE(beside.columns[2].id, std::string("change"));
    QVERIFY(!beside.columns[2].isKnown(0));
    QCOMPARE(beside.columns[2].values[1], 50.0);
  }

  void aCallTreeKeepsQtsContractAndOpensByBranches() {
    CallTreeModel model;
    const QAbstractItemModelTester tester(&model, kFail);
    QCOMPARE(model.columnCount(), 0);
    model.setTree(changedTree());
    QCOMPARE(model.rowCount(), 2);
    const QModelIndex f = model.index(0, CallTreeModel::kFunction);
    QCOMPARE(f.data().toString(), QStringLiteral("f"));
    QCOMPARE(f.siblingAtColumn(CallTreeModel::kTotal).data().toString(), QStringLiteral("+60B"));
    QCOMPARE(f.siblingAtColumn(CallTreeModel::kBase).data().toString(), QStringLiteral("40B"));
    QCOMPARE(f.siblingAtColumn(CallTreeModel::kShare).data().toString(), QStringLiteral("87.5%"));
    QVERIFY(f.data(Qt::ToolTipRole).toString().contains(QStringLiteral("server")));
    QCOMPARE(model.index(1, CallTreeModel::kTotal).data().toString(), QStringLiteral("\u221220B"));
    QCOMPARE(model.index(1, CallTreeModel::kTotal).data(kSignRole).toInt(), -1);
    const QModelIndex g = model.index(0, 0, f);
    QCOMPARE(g.data().toString(), QStringLiteral("g"));
    QCOMPARE(model.parent(g), f);
    QCOMPARE(model.indexOf(model.nodeOf(g)), g);
    QCOMPARE(heaviestPath(*model.tree()), (std::vector<std::uint32_t>{1, 3}));
    auto plain = changedTree();
    plain->hasBaseline = false;
    model.setTree(plain);
    QCOMPARE(model.columnCount(), static_cast<int>(CallTreeModel::kBase));
    QCOMPARE(model.index(0, CallTreeModel::kTotal).data().toString(), QStringLiteral("100B"));
    model.setTree(nullptr);
    QCOMPARE(model.rowCount(), 0);
  }
};

QTEST_MAIN(GuiTablesTest)
#include "gui_tables_test.moc"
