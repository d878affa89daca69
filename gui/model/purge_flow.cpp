#include "gui/model/purge_flow.h"

#include "gui/model/units.h"
#include "profiler/model/columns.h"

namespace heapprof::gui {

model::Table purgeFlow(const analysis::PurgeResult& purges) {
  model::Column id = model::textColumn("id", "Id", "the figure's stable name");
  model::Column label = model::textColumn("label", "What", "over the whole run");
  model::Column bytes =
      model::numberColumn("bytes", "Bytes", model::Unit::kBytes, "each is a part of one before it");
  model::Column share =
      model::numberColumn("fraction", "Share", model::Unit::kFraction, "of what was advised");
  double advised = 0;
  for (const analysis::PurgeResult::Figure& figure : purges.figures) {
    if (figure.unit != model::Unit::kBytes) continue;
    if (std::string_view(figure.id) == "advised") advised = figure.value.value_or(0);
    id.texts.emplace_back(figure.id);
    label.texts.emplace_back(figure.title);
    figure.value ? model::addKnown(bytes, *figure.value) : model::addUnknown(bytes);
    if (figure.value && advised == 0)
      model::addBlank(share);  // a part of nothing
    else
      figure.value ? model::addKnown(share, *figure.value / advised) : model::addUnknown(share);
  }
  model::Table table;
  table.id = "purge_flow";
  table.title = "What purging gave back, and what was needed again";
  table.columns = {std::move(id), std::move(label), std::move(bytes), std::move(share)};
  return table;
}

std::string purgeSentence(const analysis::PurgeResult& purges) {
  QStringList parts;
  for (const analysis::PurgeResult::Figure& figure : purges.figures) {
    if (figure.unit == model::Unit::kBytes || !figure.value) continue;
    const bool idle = *figure.value == 0 && std::string_view(figure.id) != "passes";
    if (idle) continue;  // "Huge pages broken 0" is no news
    parts << QString::fromUtf8(figure.title).trimmed() + u' ' + formatValue(figure.unit, *figure.value);
  }
  return parts.join(QStringLiteral("  ·  ")).toStdString();
}

}  // namespace heapprof::gui
