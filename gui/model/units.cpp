#include "gui/model/units.h"

#include <QLocale>
#include <cmath>

#include "profiler/model/units.h"

namespace heapprof::gui {
namespace {

constexpr QChar kMinus(0x2212);

QString withSign(const QString& magnitude, double value, bool isSigned) {
  if (value < 0) return kMinus + magnitude;
  return isSigned && value > 0 ? u'+' + magnitude : magnitude;
}

// Three significant digits, never exponents: 1.42, 14.2, 142, 1023.
// Thousands in groups, whatever the machine's language: figures are compared with the command line's.
QString grouped(double magnitude, int decimals) {
  QLocale locale = QLocale::c();
  locale.setNumberOptions(QLocale::DefaultNumberOptions);
  return locale.toString(magnitude, 'f', decimals);
}

QString threeDigits(double magnitude) {
  const int decimals = magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : 2;
  return QString::number(magnitude, 'f', decimals);
}

struct Step {
  double factor;
  const char* name;
};

}  // namespace

QString formatBytes(double bytes, bool isSigned) {
  const QString text = QString::fromStdString(model::bytesText(std::fabs(bytes)));
  return withSign(text, text == u'0' ? 0 : bytes, isSigned);  // what rounds to nothing has no sign
}

QString formatWithError(model::Unit unit, double value, double error, bool isSigned) {
  const QString behind =
      QString::fromStdString(model::errorText(unit, value, std::fabs(error), isSigned)).replace(u'-', kMinus);
  const QString shown = formatValue(unit, value, isSigned);
  return behind.isEmpty() ? shown : shown + u' ' + behind;
}

QString formatCount(double count, bool isSigned) {
  const double magnitude = std::fabs(count);
  QString digits;
  if (magnitude >= 1e9) {
    digits = threeDigits(magnitude / 1e9) + QLatin1String(" G");
  } else if (magnitude >= 1e7) {
    digits = threeDigits(magnitude / 1e6) + QLatin1String(" M");
  } else {
    const bool whole = magnitude == std::floor(magnitude) || magnitude >= 100;
    digits = grouped(magnitude, whole ? 0 : 1);
  }
  return withSign(digits, count, isSigned);
}

QString formatFraction(double fraction, bool isSigned) {
  const double percent = std::fabs(fraction) * 100;
  QString digits = QString::number(percent, 'f',
                                   percent >= 99.95                   ? 0
                                   : percent >= 0.995 || percent == 0 ? 1
                                                                      : 2);
  if (percent > 0 && percent < 0.005) digits = QStringLiteral("<0.01");
  return withSign(digits + u'%', fraction, isSigned);
}

QString formatNanos(double nanos, bool isSigned) {
  static constexpr Step kSteps[] = {{86400e9, "d"}, {3600e9, "h"}, {60e9, "min"},
                                    {1e9, "s"},     {1e6, "ms"},   {1e3, "us"}};
  const double magnitude = std::fabs(nanos);
  for (const Step& step : kSteps) {
    if (magnitude >= step.factor) {
      return withSign(threeDigits(magnitude / step.factor) + QLatin1String(step.name), nanos, isSigned);
    }
  }
  return withSign(QString::number(magnitude, 'f', 0) + QLatin1String("ns"), nanos, isSigned);
}

QString formatValue(model::Unit unit, double value, bool isSigned) {
  switch (unit) {
    case model::Unit::kBytes:
      return formatBytes(value, isSigned);
    case model::Unit::kBytesPerSecond:
      return formatBytes(value, isSigned) + QLatin1String("/s");
    case model::Unit::kNanoseconds:
      return formatNanos(value, isSigned);
    case model::Unit::kFraction:
      return formatFraction(value, isSigned);
    case model::Unit::kAddress:
      return QLatin1String("0x") + QString::number(static_cast<quint64>(value), 16);
    case model::Unit::kCount:
    case model::Unit::kText:
      break;
  }
  return formatCount(value, isSigned);
}

QString formatExact(model::Unit unit, double value, bool isSigned) {
  const QString digits = withSign(grouped(std::fabs(value), 0), value, isSigned);
  switch (unit) {
    case model::Unit::kBytes:
      return digits + QLatin1String(" bytes");
    case model::Unit::kBytesPerSecond:
      return digits + QLatin1String(" bytes/s");
    case model::Unit::kNanoseconds:
      return digits + QLatin1String(" ns");
    case model::Unit::kFraction:
      return withSign(QString::number(std::fabs(value) * 100, 'f', 4) + u'%', value, isSigned);
    case model::Unit::kAddress:
      return formatValue(unit, value);
    case model::Unit::kCount:
    case model::Unit::kText:
      break;
  }
  return digits;
}

model::Unit unitFromName(const QString& name) {
  if (name == QLatin1String("bytes")) return model::Unit::kBytes;
  if (name == QLatin1String("nanoseconds")) return model::Unit::kNanoseconds;
  return model::Unit::kCount;
}

}  // namespace heapprof::gui
