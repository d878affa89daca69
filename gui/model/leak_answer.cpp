#include "gui/model/leak_answer.h"

#include <QFile>
#include <QFileInfo>

#include "absl/container/flat_hash_map.h"

#include "gui/model/units.h"

namespace heapprof::gui {
namespace {

QString textOf(absl::string_view text) {
  return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

absl::StatusOr<std::vector<analysis::Suppression>> readSuppressions(const QString& path) {
  if (path.isEmpty()) return std::vector<analysis::Suppression>{};
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly)) {
    return absl::NotFoundError((path + QStringLiteral(": ") + file.errorString()).toStdString());
  }
  return analysis::parseSuppressions(file.readAll().toStdString(), path.toStdString());
}

}  // namespace

absl::StatusOr<LeakAnswer> findLeaks(const std::vector<model::Query>& queries, const QString& suppressions,
                                     const analysis::Cancel& cancel) {
  LeakAnswer answer;
  for (const model::Query& query : queries) {
    const absl::Status added = answer.histories.add(query, cancel);
    if (!added.ok()) return added;
  }
  answer.histories.finish();
  absl::StatusOr<std::vector<analysis::Suppression>> suppressed = readSuppressions(suppressions);
  if (!suppressed.ok()) {
    answer.problem = textOf(suppressed.status().message()) + QStringLiteral("; nothing is suppressed");
    suppressed = std::vector<analysis::Suppression>{};
  }
  if (cancel && cancel()) return absl::CancelledError();
  answer.report = analysis::leakReport(answer.histories, *std::move(suppressed));
  absl::flat_hash_map<absl::string_view, std::uint32_t> byStack;
  const std::vector<analysis::StackHistory>& stacks = answer.histories.stacks();
  for (std::uint32_t row = 0; row < stacks.size(); ++row) byStack.emplace(stacks[row].stack, row);
  for (const std::string& stack : answer.report.stacks.find("stack")->texts) {
    answer.rowOf.push_back(byStack.at(stack));
  }
  return answer;
}

QString leakHeadline(const LeakAnswer& answer) {
  const std::vector<analysis::DumpMoment>& dumps = answer.histories.dumps();
  const QString last = QFileInfo(QString::fromStdString(dumps.back().path)).fileName();
  const QString which = dumps.size() == 1 ? QStringLiteral("One dump, %1").arg(last)
                                          : QStringLiteral("%1 dumps over %2, the last %3")
                                                .arg(dumps.size())
                                                .arg(formatNanos(dumps.back().seconds * 1e9), last);
  return which + QStringLiteral(": ") + QString::fromStdString(answer.report.answer);
}

}  // namespace heapprof::gui
