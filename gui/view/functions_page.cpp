#include "gui/view/functions_page.h"

#include <QButtonGroup>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QRegularExpression>
#include <QSplitter>
#include <QStackedWidget>
#include <QTableView>
#include <QTreeView>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/model/call_tree_model.h"
#include "gui/model/flame_layout.h"
#include "gui/model/function_list.h"
#include "gui/model/session.h"
#include "gui/model/table_model.h"
#include "gui/model/tree_pivot.h"
#include "gui/model/units.h"
#include "gui/view/command_box.h"
#include "gui/view/layouts.h"
#include "gui/view/source_pane.h"
#include "gui/view/table_style.h"

namespace heapprof::gui {
namespace {

QLabel* heading(const QString& text, QWidget* parent) {
  auto* label = new QLabel(text, parent);
  label->setObjectName(QStringLiteral("h2"));
  label->setTextFormat(Qt::PlainText);
  return label;
}

}  // namespace

FunctionsPage::FunctionsPage(Session& session, QWidget* parent)
    : Page(session, parent), treeWork_(session), bottomUpWork_(session), aroundWork_(session) {
  auto* content = new QWidget(this);
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(14, 10, 14, 8);
  column->setSpacing(6);
  column->addWidget(createBar(content));
  auto* splitter = new QSplitter(content);
  splitter->setChildrenCollapsible(false);
  left_ = new QStackedWidget(splitter);
  auto* listBox = new QWidget(left_);
  listTitle_ = heading(QString(), listBox);
  list_ = new QTableView(listBox);
  listModel_ = new TableModel(list_);
  styleTable(list_, listModel_, &session);
  list_->setSelectionMode(QAbstractItemView::SingleSelection);
  plainColumn(listBox)->addWidget(listTitle_);
  listBox->layout()->addWidget(list_);
  left_->addWidget(listBox);
  auto* wholeBox = new QWidget(left_);
  plainColumn(wholeBox);
  whole_ = createTree(wholeBox, QString());
  left_->addWidget(wholeBox);
  splitter->addWidget(left_);
  splitter->addWidget(createAround(splitter));
  splitter->setSizes({640, 460});
  splitter->setStretchFactor(0, 3);
  splitter->setStretchFactor(1, 2);
  auto* lines = new QSplitter(Qt::Vertical, content);
  lines->setChildrenCollapsible(false);
  lines->addWidget(splitter);
  source_ = new SourcePane(session, lines);
  lines->addWidget(source_);
  lines->setSizes({430, 210});
  lines->setStretchFactor(0, 1);
  // Without a text to read the tables have the room; with one again, it takes what it had.
  connect(source_, &SourcePane::answered, this,
          [this, lines, kept = lines->sizes(), isSmall = false]() mutable {
            if (source_->isFolded()) {
              if (!isSmall) kept = lines->sizes();
              const int height = source_->foldedHeight();
              lines->setSizes({lines->height() - height, height});
            } else if (isSmall) {
              lines->setSizes(kept);
            }
            isSmall = source_->isFolded();
          });
  column->addWidget(lines, 1);
  setContent(content);
  setFocusProxy(list_);

  connect(list_->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
          [this](const QModelIndex& row) {
            const int at = listModel_->functionColumn();
            if (row.isValid() && at >= 0) showFunction(row.siblingAtColumn(at).data().toString());
          });
  connect(list_, &QTableView::doubleClicked, this, [this] {
    if (!function_.isEmpty()) this->session().addChip({FilterChip::kFocus, exactly(function_)});
  });
  connect(whole_.view->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
          [this](const QModelIndex& row) {
            if (row.isValid()) showFunction(whole_.model->nameOf(whole_.model->nodeOf(row)));
          });
  for (const TreePart& part : {callers_, callees_}) {
    connect(part.view, &QTreeView::activated, this, [this, model = part.model](const QModelIndex& row) {
      showFunction(model->nameOf(model->nodeOf(row)));
    });
  }
}

QWidget* FunctionsPage::createBar(QWidget* parent) {
  auto* bar = new QWidget(parent);
  auto* row = new QHBoxLayout(bar);
  row->setContentsMargins(0, 0, 0, 0);
  modes_ = new QButtonGroup(bar);
  const std::pair<const char*, const char*> texts[] = {
      {"List", "Every function: what it stores, and what passes through it"},
      {"From main() down", "The whole program as a tree: a function opens into what it calls"},
      {"From allocation up", "The allocating functions; each opens into its callers"}};
  for (int mode = kList; mode <= kBottomUp; ++mode) {
    auto* button = new QPushButton(QString::fromUtf8(texts[mode].first), bar);
    button->setObjectName(QStringLiteral("quiet"));
    button->setToolTip(QString::fromUtf8(texts[mode].second));
    button->setCheckable(true);
    button->setChecked(mode == kList);
    button->setFocusPolicy(Qt::TabFocus);
    modes_->addButton(button, mode);
    row->addWidget(button);
  }
  row->addStretch(1);
  search_ = new QLineEdit(bar);
  search_->setPlaceholderText(QStringLiteral("Search, a regular expression ( / )"));
  search_->setClearButtonEnabled(true);
  search_->setMinimumWidth(110);
  search_->setMaximumWidth(280);
  row->addWidget(search_, 3);
  connect(modes_, &QButtonGroup::idClicked, this, [this](int mode) { setMode(static_cast<Mode>(mode)); });
  connect(search_, &QLineEdit::textChanged, this, &FunctionsPage::applySearch);
  connect(search_, &QLineEdit::returnPressed, this, [this] {
    if (left_->currentIndex() == kList)
      list_->setFocus();
    else
      findNextInTree();
  });
  return bar;
}

FunctionsPage::TreePart FunctionsPage::createTree(QWidget* parent, const QString& title) {
  TreePart part;
  part.title = heading(title, parent);
  part.view = new QTreeView(parent);
  part.model = new CallTreeModel(part.view);
  styleTree(part.view, part.model);
  parent->layout()->addWidget(part.title);
  static_cast<QVBoxLayout*>(parent->layout())->addWidget(part.view, 1);
  return part;
}

QWidget* FunctionsPage::createAround(QWidget* parent) {
  auto* around = new QWidget(parent);
  auto* column = plainColumn(around);
  column->setContentsMargins(8, 0, 0, 0);
  name_ = new ElidedLabel(around);
  name_->setObjectName(QStringLiteral("h2"));
  name_->setTextInteractionFlags(Qt::NoTextInteraction);
  figures_ = new QLabel(around);
  figures_->setObjectName(QStringLiteral("muted"));
  figures_->setTextFormat(Qt::PlainText);
  figures_->setWordWrap(true);
  column->addWidget(name_);
  column->addWidget(figures_);
  auto* splitter = new QSplitter(Qt::Vertical, around);
  splitter->setChildrenCollapsible(false);
  for (TreePart* part : {&callers_, &callees_}) {
    auto* box = new QWidget(splitter);
    plainColumn(box);
    *part =
        createTree(box, part == &callers_ ? QStringLiteral("Who calls it") : QStringLiteral("What it calls"));
    part->view->setToolTip(QStringLiteral("Enter or a double click brings a function to the front"));
    splitter->addWidget(box);
  }
  splitter->setSizes({360, 240});  // callers are many, callees of what stores are few
  column->addWidget(splitter, 1);
  return around;
}

void FunctionsPage::refresh() {
  using Answer = absl::StatusOr<model::Table>;
  topDown_ = bottomUp_ = nullptr;
  aroundWork_.cancel();
  runner().run([query = session().query()](
                   const analysis::Cancel& cancel) -> Answer { return functionList(query, cancel); },
               [this](const std::shared_ptr<const Answer>& answer) {
                 if (!answer->ok()) {
                   showError(answer->status());
                   return;
                 }
                 showList(std::shared_ptr<const model::Table>(answer, &**answer));
               });
  source_->refresh();
  loadTree(kTopDown);
  if (modes_->checkedId() == kBottomUp) loadTree(kBottomUp);
}

void FunctionsPage::loadTree(Mode mode) {
  using Answer = absl::StatusOr<analysis::CallTree>;
  Runner& work = mode == kBottomUp ? bottomUpWork_ : treeWork_;
  const auto direction =
      mode == kBottomUp ? analysis::TreeDirection::kBottomUp : analysis::TreeDirection::kTopDown;
  work.run(
      [query = session().query(), direction](const analysis::Cancel& cancel) -> Answer {
        return analysis::callTree(query, direction, cancel);
      },
      [this, mode](const std::shared_ptr<const Answer>& answer) {
        if (!answer->ok()) return;  // the list says why
        (mode == kBottomUp ? bottomUp_ : topDown_) = TreePtr(answer, &**answer);
        showWhole();
        if (mode == kTopDown) turnAround();
      });
}

void FunctionsPage::showList(const std::shared_ptr<const model::Table>& table) {
  if (table->rows() == 0) {
    showNothing();
    return;
  }
  showContent();
  QString title = QString::fromStdString(table->title);
  if (table->rows() > 30)
    title += QStringLiteral("  (%1)").arg(formatCount(static_cast<double>(table->rows())));
  for (const std::string& note : table->notes)
    title += QStringLiteral("  ·  ") + QString::fromStdString(note);
  listTitle_->setText(title);
  const QString kept = function_;
  setTableOf(list_, listModel_, table);
  const model::Column* names = table->find("name");
  const bool isThere =
      std::find(names->texts.begin(), names->texts.end(), kept.toStdString()) != names->texts.end();
  showFunction(isThere ? kept : QString::fromStdString(names->texts[0]));
}

void FunctionsPage::showFunction(const QString& name) {
  const bool isNew = name != function_;
  function_ = name;
  name_->setText(name);
  name_->setToolTip(name);
  if (isNew) source_->showFunction(name);
  const QAbstractItemModel& rows = *list_->model();
  const int at = listModel_->functionColumn();
  if (at >= 0 && list_->currentIndex().siblingAtColumn(at).data().toString() != name) {
    const QModelIndexList found =
        rows.match(rows.index(0, at), Qt::DisplayRole, name, 1, Qt::MatchExactly | Qt::MatchCaseSensitive);
    if (!found.isEmpty()) {
      list_->setCurrentIndex(
          found.front().siblingAtColumn(0));  // a narrow list keeps its first figures in sight
    }
  }
  if (isNew || callers_.model->tree() == nullptr) turnAround();
}

void FunctionsPage::turnAround() {
  if (!topDown_ || function_.isEmpty()) return;
  aroundWork_.run(
      [tree = topDown_, name = function_.toStdString()](const analysis::Cancel&) {
        const std::uint32_t at = nameIn(*tree, name);
        return Around{pivotOn(*tree, at), calleesOf(*tree, at)};
      },
      [this](const std::shared_ptr<const Around>& around) { showAround(around); });
}

void FunctionsPage::showAround(const std::shared_ptr<const Around>& around) {
  const bool isDiff = around->callers.hasBaseline;
  std::vector<int> hidden{CallTreeModel::kSelf};  // it is the same in every row of what calls it
  if (isDiff) hidden.push_back(CallTreeModel::kShare);
  setTreeOf(callers_.view, callers_.model, TreePtr(around, &around->callers), hidden);
  setTreeOf(callees_.view, callees_.model, TreePtr(around, &around->callees), hidden);
  const analysis::CallTree& tree = around->callees;
  if (tree.nodes.size() < 2) {
    figures_->clear();
    return;
  }
  const analysis::CallTree::Node& node = tree.nodes[1];
  const model::Unit unit = unitFromName(QString::fromStdString(tree.unit));
  const double own = isDiff ? node.self - node.baseSelf : node.self;
  const double all = isDiff ? node.total - node.baseTotal : node.total;
  QString text =
      QStringLiteral("flat %1, cum %2").arg(formatValue(unit, own, isDiff), formatValue(unit, all, isDiff));
  const QString module = QString::fromStdString(tree.modules[node.module]);
  if (!module.isEmpty()) text += QStringLiteral("  ·  module ") + module;
  figures_->setText(text);
}

void FunctionsPage::setMode(Mode mode) {
  modes_->button(mode)->setChecked(true);
  left_->setCurrentIndex(mode == kList ? 0 : 1);
  if (mode == kBottomUp && !bottomUp_ && session().snapshot()) loadTree(kBottomUp);
  setFocusProxy(mode == kList ? static_cast<QWidget*>(list_) : whole_.view);
  showWhole();
}

void FunctionsPage::showWhole() {
  const int mode = modes_->checkedId();
  if (mode == kList) return;
  const TreePtr& tree = mode == kBottomUp ? bottomUp_ : topDown_;
  whole_.title->setText((mode == kBottomUp ? QStringLiteral("%1 from the allocation up")
                                           : QStringLiteral("%1 from main() down"))
                            .arg(session().metricTitle()));
  if (whole_.model->tree() == tree) return;
  std::vector<int> hidden;
  if (mode == kBottomUp) hidden.push_back(CallTreeModel::kSelf);  // there it is all at the far end of a path
  setTreeOf(whole_.view, whole_.model, tree, hidden);
}

void FunctionsPage::startSearch() {
  search_->setFocus();
  search_->selectAll();
}

void FunctionsPage::goUp() {
  search_->clear();
  if (focusProxy() != nullptr) focusProxy()->setFocus();
}

void FunctionsPage::applySearch() {
  const QRegularExpression expression(search_->text(), QRegularExpression::CaseInsensitiveOption);
  if (!expression.isValid()) {
    Q_EMIT notice(expression.errorString());
    return;
  }
  filterTable(list_, expression);
}

void FunctionsPage::findNextInTree() {
  const TreePtr& tree = whole_.model->tree();
  const QRegularExpression expression(search_->text(), QRegularExpression::CaseInsensitiveOption);
  if (!tree || search_->text().isEmpty() || !expression.isValid()) return;
  const FlameMatches matches = matchFrames(*tree, expression);
  if (matches.count == 0) {
    Q_EMIT notice(QStringLiteral("No frame matches %1.").arg(search_->text()));
    return;
  }
  const std::size_t now = whole_.model->nodeOf(whole_.view->currentIndex());
  std::size_t next = now;
  do {
    next = next + 1 < matches.matched.size() ? next + 1 : 1;
  } while (matches.matched[next] == 0 && next != now);
  whole_.view->setCurrentIndex(whole_.model->indexOf(static_cast<std::uint32_t>(next)));
}

const FunctionsPage::TreePart* FunctionsPage::focusedTree() const {
  for (const TreePart* part : {&whole_, &callers_, &callees_}) {
    if (part->view->hasFocus()) return part;
  }
  return left_->currentIndex() == 0 ? nullptr : &whole_;
}

QString FunctionsPage::selectionAsTsv() const {
  const TreePart* tree = focusedTree();
  if (source_->table()->hasFocus()) return selectedRowsAsTsv(*source_->table());
  if (tree == nullptr) return selectedRowsAsTsv(*list_);
  const QModelIndex row = tree->view->currentIndex();
  if (!row.isValid()) return {};
  QStringList titles, cells;
  for (int column = 0; column < tree->model->columnCount(); ++column) {
    titles << tree->model->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString();
    cells << row.siblingAtColumn(column).data().toString();
  }
  return titles.join(u'\t') + u'\n' + cells.join(u'\t') + u'\n';
}

std::shared_ptr<const model::Table> FunctionsPage::exportTable() const {
  return listModel_->table();
}

Page* createFunctionsPage(Session& session, QWidget* parent) {
  return new FunctionsPage(session, parent);
}

}  // namespace heapprof::gui
