#include "gui/view/global_bar.h"

#include <QComboBox>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QStyleOptionComboBox>
#include <QStylePainter>
#include <QToolButton>
#include <QVBoxLayout>

#include "gui/model/session.h"
#include "gui/view/theme.h"
#include "profiler/model/units.h"

namespace heapprof::gui {
namespace {

// Dumps of one process differ in their last digits, which a box that cuts the end would hide.
class MiddleElidedBox final : public QComboBox {
 public:
  using QComboBox::QComboBox;

 protected:
  void paintEvent(QPaintEvent*) override {
    QStylePainter painter(this);
    QStyleOptionComboBox option;
    initStyleOption(&option);
    const int room =
        style()->subControlRect(QStyle::CC_ComboBox, &option, QStyle::SC_ComboBoxEditField, this).width();
    option.currentText = fontMetrics().elidedText(option.currentText, Qt::ElideMiddle, room - 4);
    painter.drawComplexControl(QStyle::CC_ComboBox, option);
    painter.drawControl(QStyle::CE_ComboBoxLabel, option);
  }
};

// "redis.4711.2" of "heapprof.redis.4711.2.pb.gz": what all of them share says nothing, and takes the room
// that tells two of them apart in a narrow window.
QString dumpName(const QString& path) {
  QString name = QFileInfo(path).fileName();
  if (name.startsWith(QLatin1String("heapprof."))) name.remove(0, 9);
  for (const char* end : {".gz", ".pb"}) {
    if (name.endsWith(QLatin1String(end))) name.chop(3);
  }
  return name;
}

// With their folder where two dumps share a name.
QStringList dumpNames(const Session& session) {
  QStringList names;
  for (const model::SnapshotPtr& dump : session.dumps())
    names << dumpName(QString::fromStdString(dump->path()));
  QStringList full = names;
  for (qsizetype i = 0; i < names.size(); ++i) {
    if (names.count(names[i]) < 2) continue;
    const QFileInfo file(QString::fromStdString(session.dumps()[static_cast<std::size_t>(i)]->path()));
    full[i] = file.dir().dirName() + u'/' + names[i];
  }
  return full;
}

QPushButton* arrow(const QString& text, const QString& help, QWidget* parent) {
  auto* button = new QPushButton(text, parent);
  button->setObjectName(QStringLiteral("quiet"));
  button->setToolTip(help);
  button->setFixedWidth(30);
  button->setFocusPolicy(Qt::NoFocus);
  return button;
}

}  // namespace

GlobalBar::GlobalBar(Session& session, QWidget* parent) : QFrame(parent), session_(session) {
  setObjectName(QStringLiteral("bar"));
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(10, 7, 14, 7);
  column->setSpacing(6);
  top_ = new QHBoxLayout;
  top_->setSpacing(6);
  column->addLayout(top_);
  back_ = arrow(QStringLiteral("‹"), QStringLiteral("Back: Alt+Left"), this);
  forward_ = arrow(QStringLiteral("›"), QStringLiteral("Forward: Alt+Right"), this);
  top_->addWidget(back_);
  top_->addWidget(forward_);
  dump_ = addBox(QStringLiteral("The dump in front: [ and ] step through the open ones"), 104, 180);
  top_->addWidget(new QLabel(QStringLiteral("against"), this));
  baseline_ = addBox(QStringLiteral("With a baseline every page is a difference: B"), 104, 170);
  metric_ = addBox(QStringLiteral("What is counted"), 96, 140);
  granularity_ = addBox(QStringLiteral("What a frame is"), 86, 110);
  granularity_->addItems({QStringLiteral("functions"), QStringLiteral("functions in files"),
                          QStringLiteral("files"), QStringLiteral("lines"), QStringLiteral("addresses")});
  filter_ = new QLineEdit(this);
  filter_->setPlaceholderText(QStringLiteral("Filter stacks: name, or -name"));
  filter_->setToolTip(
      QStringLiteral("A regular expression and Enter: keeps stacks with a matching frame; with a minus "
                     "before it, drops them. Also hide=, show=, show_from=, tagfocus=, tagignore="));
  filter_->setMinimumWidth(76);
  filter_->setClearButtonEnabled(true);
  top_->addWidget(filter_, 240);
  chipRow_ = new QWidget(this);
  chips_ = new QHBoxLayout(chipRow_);
  chips_->setContentsMargins(2, 0, 0, 0);
  chips_->setSpacing(6);
  column->addWidget(chipRow_);

  connect(back_, &QPushButton::clicked, &session_, &Session::goBack);
  connect(forward_, &QPushButton::clicked, &session_, &Session::goForward);
  connect(dump_, &QComboBox::activated, this, [this](int row) { session_.showDump(row); });
  connect(baseline_, &QComboBox::activated, this, [this](int row) { session_.setBaseline(row - 1); });
  connect(metric_, &QComboBox::activated, this,
          [this] { session_.setMetric(metric_->currentData().toString()); });
  connect(granularity_, &QComboBox::activated, this,
          [this](int row) { session_.setGranularity(static_cast<model::Granularity>(row)); });
  connect(filter_, &QLineEdit::returnPressed, this, &GlobalBar::addFilterFromText);
  connect(&session_, &Session::dumpsChanged, this, &GlobalBar::refill);
  connect(&session_, &Session::historyChanged, this, &GlobalBar::refill);
  refill();
}

QComboBox* GlobalBar::addBox(const QString& help, int least, int width) {
  auto* box = new MiddleElidedBox(this);
  box->setToolTip(help);
  box->setMinimumContentsLength(6);
  box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  box->setMinimumWidth(least);
  box->setMaximumWidth(width + 60);
  box->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  box->setFocusPolicy(Qt::TabFocus);
  top_->addWidget(box, width);
  return box;
}

void GlobalBar::addFilterFromText() {
  static const std::pair<const char*, FilterChip::Kind> kPrefixes[] = {
      {"focus=", FilterChip::kFocus},         {"ignore=", FilterChip::kIgnore},
      {"hide=", FilterChip::kHide},           {"show=", FilterChip::kShow},
      {"show_from=", FilterChip::kShowFrom},  {"tagfocus=", FilterChip::kTagFocus},
      {"tagignore=", FilterChip::kTagIgnore}, {"-", FilterChip::kIgnore}};
  FilterChip chip{FilterChip::kFocus, filter_->text().trimmed()};
  for (const auto& [prefix, kind] : kPrefixes) {
    if (!chip.pattern.startsWith(QLatin1String(prefix))) continue;
    chip = {kind, chip.pattern.mid(static_cast<qsizetype>(qstrlen(prefix)))};
    break;
  }
  const QString wrong = session_.addChip(chip);
  if (wrong.isEmpty())
    filter_->clear();
  else
    Q_EMIT problem(wrong);
}

void GlobalBar::refill() {
  const QStringList names = dumpNames(session_);
  dump_->clear();
  dump_->addItems(names);
  dump_->setCurrentIndex(session_.state().dump);
  dump_->setEnabled(!names.isEmpty());
  baseline_->clear();
  baseline_->addItem(QStringLiteral("no baseline"));
  baseline_->addItems(names);
  baseline_->setCurrentIndex(session_.hasBaseline() ? session_.state().baseline + 1 : 0);
  baseline_->setEnabled(names.size() > 1);
  for (int i = 0; i < names.size(); ++i) {
    const QString path = QString::fromStdString(session_.dumps()[static_cast<std::size_t>(i)]->path());
    dump_->setItemData(i, path, Qt::ToolTipRole);
    baseline_->setItemData(i + 1, path, Qt::ToolTipRole);
  }
  metric_->clear();
  if (const model::SnapshotPtr snapshot = session_.snapshot()) {
    for (const std::string& name : snapshot->sampleTypeNames()) {
      const QString id = QString::fromStdString(name);
      metric_->addItem(QString::fromStdString(model::metricTitle(name)), id);
      metric_->setItemData(metric_->count() - 1, QStringLiteral("heapprof top -sample_index=") + id,
                           Qt::ToolTipRole);
    }
    metric_->setCurrentIndex(metric_->findData(session_.metricName()));
  }
  metric_->setEnabled(metric_->count() > 0);
  granularity_->setCurrentIndex(static_cast<int>(session_.state().granularity));
  granularity_->setEnabled(metric_->count() > 0);
  filter_->setEnabled(metric_->count() > 0);
  back_->setEnabled(session_.canGoBack());
  forward_->setEnabled(session_.canGoForward());
  refillChips();
}

void GlobalBar::refillChips() {
  while (QLayoutItem* item = chips_->takeAt(0)) {
    if (QWidget* old = item->widget()) {
      old->hide();  // it goes with the next event loop; until then it must not show
      old->deleteLater();
    }
    delete item;
  }
  const QVector<FilterChip>& chips = session_.state().chips;
  chipRow_->setVisible(!chips.isEmpty());
  for (int i = 0; i < chips.size(); ++i) {
    auto* chip = new QFrame(chipRow_);
    chip->setObjectName(QStringLiteral("chip"));
    auto* row = new QHBoxLayout(chip);
    row->setContentsMargins(10, 1, 2, 1);
    row->setSpacing(2);
    const QString text = chipName(chips[i].kind) + QStringLiteral(": ") + chips[i].pattern;
    auto* label = new QLabel(fontMetrics().elidedText(text, Qt::ElideMiddle, 380), chip);
    label->setTextFormat(Qt::PlainText);
    label->setToolTip(text);
    auto* remove = new QToolButton(chip);
    remove->setObjectName(QStringLiteral("quiet"));
    remove->setText(QStringLiteral("✕"));
    remove->setToolTip(QStringLiteral("Remove this filter"));
    connect(remove, &QToolButton::clicked, &session_, [this, i] { session_.removeChip(i); });
    row->addWidget(label);
    row->addWidget(remove);
    chips_->addWidget(chip);
  }
  if (chips.size() > 1) {
    auto* clear = new QPushButton(QStringLiteral("Clear all"), chipRow_);
    clear->setObjectName(QStringLiteral("quiet"));
    connect(clear, &QPushButton::clicked, &session_, &Session::clearChips);
    chips_->addWidget(clear);
  }
  chips_->addStretch(1);
}

}  // namespace heapprof::gui
