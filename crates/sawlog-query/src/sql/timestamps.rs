//! Functions of times in microseconds, for every year from 1 to 9999. The engine's own use nanoseconds, which end in
//! 2262.

use std::cell::Cell;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, IntervalMonthDayNanoType, IntervalUnit, TimeUnit, TimestampMicrosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::{DFSchema, Result, ScalarValue, exec_datafusion_err, exec_err, plan_err};
use datafusion::functions::datetime;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::cast as cast_expr;
use datafusion::sql::sqlparser::ast::BinaryOperator;
use jiff::civil::{DateTime, date};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::{Span, ToSpan};

use super::json::{OfAny, is_text};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Microseconds, in any zone.
const MICROS: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// The functions of this file.
pub(super) fn functions() -> Vec<ScalarUDF> {
    let whole = |_: &DataType| Ok(DataType::Int64);
    let time = |_: &DataType| Ok(MICROS);
    let text = |_: &DataType| Ok(DataType::Utf8);
    // A number becomes a time, everything else a number.
    let time_or_number = |data_type: &DataType| Ok(if data_type.is_numeric() { MICROS } else { DataType::Int64 });
    let rounding = |name, aliases: &[&str], round, engine| {
        let aliases = aliases.iter().map(ToString::to_string).collect();
        let signature = Signature::variadic_any(Volatility::Immutable);
        ScalarUDF::new_from_impl(Rounding { name, aliases, signature, round, engine })
    };
    vec![
        rounding("date_trunc", &["datetrunc"], truncated, datetime::date_trunc()),
        rounding("date_bin", &[], binned_by_1970, datetime::date_bin()),
        rounding("time_bucket", &[], binned_by_2000, datetime::date_bin()),
        OfAny::udf("to_char", 2, text, |arguments| formatted(&arguments[0], &arguments[1], str::to_owned)),
        // In DuckDB, %f is microseconds and %g is milliseconds.
        OfAny::udf("strftime", 2, text, |arguments| {
            formatted(&arguments[0], &arguments[1], |format| format.replace("%f", "%6f").replace("%g", "%3f"))
        }),
        OfAny::udf("strptime", 2, time, |arguments| read(arguments, true)),
        OfAny::udf("try_strptime", 2, time, |arguments| read(arguments, false)),
        OfAny::udf("date_diff", 3, whole, |arguments| between(arguments, boundaries)),
        OfAny::udf("date_sub", 3, whole, |arguments| between(arguments, complete)),
        OfAny::udf("epoch_ms", 1, time_or_number, |arguments| since_1970(&arguments[0], 1000)),
        OfAny::udf("epoch_us", 1, time_or_number, |arguments| since_1970(&arguments[0], 1)),
        OfAny::udf("epoch", 1, |_| Ok(DataType::Float64), |arguments| seconds(&arguments[0])),
    ]
}

/// Plans comparisons of times with texts, days and times of other units: the engine would turn both into nanoseconds.
#[derive(Debug)]
pub(super) struct Comparisons;

impl ExprPlanner for Comparisons {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
        let RawBinaryExpr { op, left, right } = expr;
        let (left, right) = if matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq) {
            let (of_left, of_right) =
                (in_micros_beside(&left, &right, schema), in_micros_beside(&right, &left, schema));
            (of_left.unwrap_or(left), of_right.unwrap_or(right))
        } else {
            (left, right)
        };
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

/// Turns what is compared with a time in microseconds into such a time.
fn in_micros_beside(expr: &Expr, time: &Expr, schema: &DFSchema) -> Option<Expr> {
    let DataType::Timestamp(TimeUnit::Microsecond, zone) = time.get_type(schema).ok()? else { return None };
    let is_written = matches!(expr, Expr::Literal(ScalarValue::Utf8(Some(_)), _));
    let zone = match expr.get_type(schema).ok()? {
        DataType::Timestamp(TimeUnit::Nanosecond, own) => own,
        DataType::Date32 | DataType::Date64 => zone,
        _ if is_written => zone,
        _ => return None,
    };
    Some(cast_expr(expr.clone(), DataType::Timestamp(TimeUnit::Microsecond, zone)))
}

/// A function that returns the beginning of the span that a time is in.
struct Rounding {
    name: &'static str,
    aliases: Vec<String>,
    signature: Signature,
    /// Rounds times; the argument before them says how.
    round: fn(&[ColumnarValue], &TimestampMicrosecondArray) -> Result<TimestampMicrosecondArray>,
    /// The engine's own function, for times of day and for zones whose days differ from UTC.
    engine: Arc<ScalarUDF>,
}

impl Debug for Rounding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

// There is one function of a name.
impl PartialEq for Rounding {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Rounding {}

impl Hash for Rounding {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Rounding {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments.get(1) {
            None => plan_err!("the function {} takes a unit or an interval, and a time", self.name),
            Some(time @ (DataType::Timestamp(..) | DataType::Time32(_) | DataType::Time64(_))) => Ok(time.clone()),
            Some(other) if other.is_numeric() || other.is_nested() => {
                plan_err!("the function {} takes a time, not {other}", self.name)
            }
            Some(_) => Ok(MICROS),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_ours = match args.args[1].data_type() {
            DataType::Timestamp(TimeUnit::Microsecond, zone) => zone.is_none_or(|zone| is_utc(&zone)),
            data_type => !matches!(data_type, DataType::Timestamp(..) | DataType::Time32(_) | DataType::Time64(_)),
        };
        if !is_ours {
            return self.engine.invoke_with_args(args);
        }
        let is_scalar = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if is_scalar { 1 } else { args.number_rows };
        let times = args.args[1].to_array(rows)?;
        let zone = match times.data_type() {
            DataType::Timestamp(_, zone) => zone.clone(),
            _ => None,
        };
        let times = if zone.is_none() { as_time(&times)? } else { times };
        let found = (self.round)(&args.args, times.as_primitive())?.with_timezone_opt(zone);
        Ok(if is_scalar {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&found, 0)?)
        } else {
            ColumnarValue::Array(Arc::new(found))
        })
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        let is_one = |input: &ExprProperties| input.sort_properties == SortProperties::Singleton;
        Ok(match inputs {
            [how, time, more @ ..] if is_one(how) && more.iter().all(is_one) => time.sort_properties,
            _ => SortProperties::Unordered,
        })
    }
}

fn is_utc(zone: &str) -> bool {
    ["UTC", "Z", "+00:00"].contains(&zone)
}

/// Times, days or texts as times without a zone, meaning UTC.
fn as_time(values: &ArrayRef) -> Result<ArrayRef> {
    match values.data_type() {
        // The wall clock of a zone is another matter.
        DataType::Timestamp(_, Some(_)) => {
            let times = cast(values, &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))?;
            Ok(Arc::new(times.as_primitive::<TimestampMicrosecondType>().clone().with_timezone_opt(None::<&str>)))
        }
        // Since midnight.
        DataType::Time32(_) | DataType::Time64(_) => {
            let times = cast(values, &DataType::Time64(TimeUnit::Microsecond))?;
            Ok(cast(&cast(&times, &DataType::Int64)?, &MICROS)?)
        }
        data_type if is_text(data_type) => {
            let texts = cast(values, &DataType::Utf8)?;
            // A time to the minute gets the seconds that the cast requires.
            let whole = |text: &str| {
                if text.len() == "2021-07-29 13:10".len() { format!("{text}:00") } else { text.to_owned() }
            };
            let texts: StringArray = texts.as_string::<i32>().iter().map(|text| text.map(whole)).collect();
            let options = CastOptions { safe: false, ..CastOptions::default() };
            Ok(cast_with_options(&texts, &MICROS, &options)?)
        }
        _ => Ok(cast(values, &MICROS)?),
    }
}

/// The day and time of a number of microseconds since 1970.
fn civil(micros: i64) -> Option<DateTime> {
    let days = Span::new().try_days(micros.div_euclid(DAY)).ok()?;
    let midnight = date(1970, 1, 1).at(0, 0, 0, 0).checked_add(days).ok()?;
    midnight.checked_add(micros.rem_euclid(DAY).microseconds()).ok()
}

/// The microseconds since 1970 of a day and time.
fn micros(time: DateTime) -> i64 {
    let days = i64::from((time.date() - date(1970, 1, 1)).get_days());
    let clock = time.time();
    let (hours, minutes, seconds) = (i64::from(clock.hour()), i64::from(clock.minute()), i64::from(clock.second()));
    days * DAY + hours * HOUR + minutes * MINUTE + seconds * SECOND + i64::from(clock.subsec_nanosecond() / 1000)
}

/// Months since the year 0.
fn months(time: DateTime) -> i64 {
    i64::from(time.year()) * 12 + i64::from(time.month()) - 1
}

/// The first day of a month, in microseconds.
fn month(months: i64) -> Option<i64> {
    let (year, month) = (i16::try_from(months.div_euclid(12)).ok()?, i8::try_from(months.rem_euclid(12)).ok()?);
    DateTime::new(year, month + 1, 1, 0, 0, 0, 0).ok().map(micros)
}

/// A unit of time.
#[derive(Clone, Copy)]
enum Unit {
    /// A number of microseconds.
    Micros(i64),
    /// Weeks, which begin on Mondays.
    Week,
    /// A number of months.
    Months(i64),
}

impl Unit {
    /// The unit of this name; plurals are accepted.
    fn named(name: &str) -> Result<Self> {
        let name = name.to_lowercase();
        Ok(match name.strip_suffix('s').unwrap_or(&name) {
            "microsecond" | "u" => Self::Micros(1),
            "millisecond" | "m" => Self::Micros(1000),
            "second" | "sec" => Self::Micros(SECOND),
            "minute" | "min" => Self::Micros(MINUTE),
            "hour" | "hr" | "h" => Self::Micros(HOUR),
            "day" | "d" => Self::Micros(DAY),
            "week" => Self::Week,
            "month" | "mon" => Self::Months(1),
            "quarter" => Self::Months(3),
            "year" | "yr" => Self::Months(12),
            "decade" => Self::Months(120),
            "century" | "centurie" => Self::Months(1200),
            _ => {
                return exec_err!(
                    "'{name}' is not a unit of time; the units are microsecond, millisecond, second, minute, hour, day, week, \
                     month, quarter, year, decade, century"
                );
            }
        })
    }

    /// The unit that an argument names.
    fn of(argument: &ColumnarValue) -> Result<Self> {
        let name = argument.cast_to(&DataType::Utf8, None)?.to_array(1)?;
        let name = name.as_string::<i32>();
        if name.len() != 1 || name.is_null(0) {
            return exec_err!("write the unit of time as text: 'hour'");
        }
        Self::named(name.value(0))
    }

    /// How many times the unit has begun since a fixed time in the past.
    fn index(self, time: i64) -> Option<i64> {
        Some(match self {
            Self::Micros(length) => time.div_euclid(length),
            // 1970 began with a Thursday.
            Self::Week => (time.div_euclid(DAY) + 3).div_euclid(7),
            Self::Months(count) => months(civil(time)?).div_euclid(count),
        })
    }

    /// When the unit began for that time.
    fn start(self, index: i64) -> Option<i64> {
        match self {
            Self::Micros(length) => index.checked_mul(length),
            Self::Week => (index * 7 - 3).checked_mul(DAY),
            Self::Months(count) => month(index * count),
        }
    }
}

fn out_of_range(time: i64) -> datafusion::error::DataFusionError {
    exec_datafusion_err!("{} seconds since 1970 is outside the range of times", time.div_euclid(SECOND))
}

/// Rounds each time. A time in the same span as the one before is not computed again.
fn rounded(
    times: &TimestampMicrosecondArray,
    span: impl Fn(i64) -> Option<(i64, i64)>,
) -> Result<TimestampMicrosecondArray> {
    let last = Cell::new((0, 0));
    times.try_unary(|time| {
        if !(last.get().0..last.get().1).contains(&time) {
            last.set(span(time).ok_or_else(|| out_of_range(time))?);
        }
        Ok(last.get().0)
    })
}

/// `date_trunc`: the beginning of the unit that a time is in.
fn truncated(arguments: &[ColumnarValue], times: &TimestampMicrosecondArray) -> Result<TimestampMicrosecondArray> {
    let unit = Unit::of(&arguments[0])?;
    if let Unit::Micros(length) = unit {
        return Ok(times.unary(|time| time - time.rem_euclid(length)));
    }
    rounded(times, |time| {
        let index = unit.index(time)?;
        // The last one may end beyond the calendar.
        Some((unit.start(index)?, unit.start(index + 1).unwrap_or(time + 1)))
    })
}

fn binned_by_1970(arguments: &[ColumnarValue], times: &TimestampMicrosecondArray) -> Result<TimestampMicrosecondArray> {
    binned(arguments, times, 0)
}

/// As in DuckDB, weeks begin on Mondays.
fn binned_by_2000(arguments: &[ColumnarValue], times: &TimestampMicrosecondArray) -> Result<TimestampMicrosecondArray> {
    const MONDAY: i64 = 946_857_600 * SECOND;
    binned(arguments, times, MONDAY)
}

/// `date_bin`: the beginning of the interval that a time is in. Intervals are counted from a given time, or `origin`.
fn binned(
    arguments: &[ColumnarValue],
    times: &TimestampMicrosecondArray,
    origin: i64,
) -> Result<TimestampMicrosecondArray> {
    let data_type = DataType::Interval(IntervalUnit::MonthDayNano);
    let stride = arguments[0].cast_to(&data_type, None)?.to_array(1)?;
    let origin = match arguments.get(2) {
        Some(given) => {
            let given = as_time(&given.to_array(1)?)?;
            given.is_valid(0).then(|| given.as_primitive::<TimestampMicrosecondType>().value(0))
        }
        None => Some(origin),
    };
    let (Some(origin), true) = (origin, stride.len() == 1 && stride.is_valid(0)) else {
        return exec_err!("write the interval as INTERVAL '1 hour'");
    };
    let stride = stride.as_primitive::<IntervalMonthDayNanoType>().value(0);
    let length = i64::from(stride.days) * DAY + stride.nanoseconds / 1000;
    match (i64::from(stride.months), length) {
        (0, length) if length > 0 => times.try_unary(|time| {
            let since = time.checked_sub(origin).ok_or_else(|| out_of_range(time))?;
            time.checked_sub(since.rem_euclid(length)).ok_or_else(|| out_of_range(time))
        }),
        (count, 0) if count > 0 => {
            let origin = civil(origin).ok_or_else(|| out_of_range(origin))?;
            // For months, the origin is the first day of its month, unless another one is given.
            let origin = if arguments.len() > 2 { origin } else { origin.first_of_month() };
            rounded(times, |time| in_months(time, origin, count))
        }
        (0, _) | (_, 0) => exec_err!("the interval must be longer than zero"),
        _ => exec_err!("an interval can have either months and years, or days and shorter units, but not both"),
    }
}

/// The span of this many months that a time is in, and its end.
fn in_months(time: i64, origin: DateTime, count: i64) -> Option<(i64, i64)> {
    let start = |index: i64| {
        let shift = Span::new().try_months(index * count).ok()?;
        origin.checked_add(shift).ok().map(micros)
    };
    let mut index = (months(civil(time)?) - months(origin)).div_euclid(count);
    if start(index).is_none_or(|start| start > time) {
        index -= 1;
    }
    Some((start(index)?, start(index + 1).unwrap_or(time + 1)))
}

/// Times as text, by a format of `strftime`.
fn formatted(values: &ArrayRef, formats: &ArrayRef, meant: impl Fn(&str) -> String) -> Result<ArrayRef> {
    let values = match values.data_type() {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Time32(_) | DataType::Time64(_) => {
            Arc::clone(values)
        }
        other if other.is_numeric() || other.is_nested() => {
            return exec_err!("only times can be formatted, not values of type {other}");
        }
        _ => as_time(values)?,
    };
    let formats = cast(formats, &DataType::Utf8)?;
    let formats = formats.as_string::<i32>();
    let mut texts = Vec::with_capacity(values.len());
    let mut row = 0;
    // Most queries have one format.
    while row < values.len() {
        let end = (row + 1..values.len()).find(|next| !same(formats, row, *next)).unwrap_or(values.len());
        if formats.is_null(row) {
            texts.extend((row..end).map(|_| None));
        } else {
            let format = meant(formats.value(row));
            let options = FormatOptions::default()
                .with_timestamp_format(Some(&format))
                .with_timestamp_tz_format(Some(&format))
                .with_date_format(Some(&format))
                .with_datetime_format(Some(&format))
                .with_time_format(Some(&format));
            let formatter = ArrayFormatter::try_new(&values, &options)?;
            for row in row..end {
                let text = values.is_valid(row).then(|| formatter.value(row).try_to_string()).transpose();
                texts.push(text.map_err(|_| exec_datafusion_err!("the format '{format}' does not fit these times"))?);
            }
        }
        row = end;
    }
    Ok(Arc::new(texts.into_iter().collect::<StringArray>()))
}

fn same(texts: &StringArray, one: usize, other: usize) -> bool {
    texts.is_null(one) == texts.is_null(other) && (texts.is_null(one) || texts.value(one) == texts.value(other))
}

/// `strptime`: times from text, by a format. Missing parts are the first month or day, and midnight. Text that does
/// not match is an error, or null.
fn read(arguments: &[ArrayRef], is_strict: bool) -> Result<ArrayRef> {
    let (texts, formats) = (cast(&arguments[0], &DataType::Utf8)?, cast(&arguments[1], &DataType::Utf8)?);
    let pairs = texts.as_string::<i32>().iter().zip(formats.as_string::<i32>());
    let times = pairs.map(|(text, format)| {
        let (Some(text), Some(format)) = (text, format) else { return Ok(None) };
        match time_of(text, format) {
            None if is_strict => exec_err!("'{text}' is not a time in the format '{format}'"),
            time => Ok(time),
        }
    });
    Ok(Arc::new(times.collect::<Result<TimestampMicrosecondArray>>()?))
}

fn time_of(text: &str, format: &str) -> Option<i64> {
    let mut parts = BrokenDownTime::parse(format, text).ok()?;
    if let Ok(time) = parts.to_timestamp() {
        return Some(time.as_microsecond());
    }
    if parts.day_of_year().is_none() && parts.iso_week().is_none() {
        parts.set_month(Some(parts.month().unwrap_or(1))).ok()?;
        parts.set_day(Some(parts.day().unwrap_or(1))).ok()?;
    }
    if parts.year().is_none() && parts.iso_week_year().is_none() {
        parts.set_year(Some(1900)).ok()?;
    }
    if let Ok(time) = parts.to_timestamp() {
        return Some(time.as_microsecond());
    }
    parts.to_datetime().ok().or_else(|| Some(parts.to_date().ok()?.at(0, 0, 0, 0))).map(micros)
}

/// A number of units between two times.
fn between(arguments: &[ArrayRef], count: fn(Unit, i64, i64) -> Option<i64>) -> Result<ArrayRef> {
    let units = cast(&arguments[0], &DataType::Utf8)?;
    let units = units.as_string::<i32>();
    let (from, to) = (as_time(&arguments[1])?, as_time(&arguments[2])?);
    let (from, to) = (from.as_primitive::<TimestampMicrosecondType>(), to.as_primitive::<TimestampMicrosecondType>());
    let mut known: Option<(&str, Unit)> = None;
    let mut found = Vec::with_capacity(units.len());
    for (row, unit) in units.iter().enumerate() {
        let Some(name) = unit else {
            found.push(None);
            continue;
        };
        let unit = match known {
            Some((before, unit)) if before == name => unit,
            _ => Unit::named(name)?,
        };
        known = Some((name, unit));
        let times = (from.is_valid(row) && to.is_valid(row)).then(|| (from.value(row), to.value(row)));
        let number = times.map(|(from, to)| count(unit, from, to).ok_or_else(|| out_of_range(from.max(to))));
        found.push(number.transpose()?);
    }
    Ok(Arc::new(Int64Array::from(found)))
}

/// How often a unit begins between two times: `date_diff('hour', '12:59', '13:01')` is 1.
fn boundaries(unit: Unit, from: i64, to: i64) -> Option<i64> {
    Some(unit.index(to)? - unit.index(from)?)
}

/// How many whole units lie between two times.
fn complete(unit: Unit, from: i64, to: i64) -> Option<i64> {
    if from > to {
        return complete(unit, to, from).map(|count| -count);
    }
    let count = match unit {
        Unit::Micros(length) => return Some(to.checked_sub(from)? / length),
        Unit::Week => return Some(to.checked_sub(from)? / (7 * DAY)),
        Unit::Months(count) => count,
    };
    let (from, to) = (civil(from)?, civil(to)?);
    let is_short = (to.day(), to.time()) < (from.day(), from.time());
    Some((months(to) - months(from) - i64::from(is_short)) / count)
}

/// `epoch_ms` and the like: a number of units since 1970 as a time, or the reverse.
fn since_1970(values: &ArrayRef, unit: i64) -> Result<ArrayRef> {
    if values.data_type().is_numeric() {
        let numbers = cast(values, &DataType::Int64)?;
        let times = numbers.as_primitive::<arrow::datatypes::Int64Type>().try_unary(|number| {
            number.checked_mul(unit).ok_or_else(|| exec_datafusion_err!("{number} is out of range for a timestamp"))
        });
        return Ok(Arc::new(times? as TimestampMicrosecondArray));
    }
    let times = as_time(values)?;
    let numbers: Int64Array = times.as_primitive::<TimestampMicrosecondType>().unary(|time| time.div_euclid(unit));
    Ok(Arc::new(numbers))
}

/// `epoch`: seconds since 1970, or the seconds of an interval.
fn seconds(values: &ArrayRef) -> Result<ArrayRef> {
    let in_seconds = |micros: &ArrayRef| {
        Ok(datafusion::common::arrow::compute::kernels::numeric::div(
            &cast(micros, &DataType::Float64)?,
            &arrow::array::Float64Array::new_scalar(1e6),
        )?)
    };
    match values.data_type() {
        DataType::Duration(_) => {
            let micros = cast(values, &DataType::Duration(TimeUnit::Microsecond))?;
            in_seconds(&cast(&micros, &DataType::Int64)?)
        }
        DataType::Interval(_) => {
            let spans = cast(values, &DataType::Interval(IntervalUnit::MonthDayNano))?;
            let spans = spans.as_primitive::<IntervalMonthDayNanoType>();
            // As in DuckDB, a month has 30 days, and a year 365.25.
            let length = |span: arrow::datatypes::IntervalMonthDayNano| {
                let (years, months) = (i64::from(span.months) / 12, i64::from(span.months) % 12);
                years * (365 * DAY + DAY / 4) + (months * 30 + i64::from(span.days)) * DAY + span.nanoseconds / 1000
            };
            let micros: Int64Array = spans.unary(length);
            in_seconds(&(Arc::new(micros) as ArrayRef))
        }
        DataType::Time32(_) | DataType::Time64(_) => {
            let times = cast(values, &DataType::Time64(TimeUnit::Microsecond))?;
            in_seconds(&cast(&times, &DataType::Int64)?)
        }
        _ => in_seconds(&cast(&as_time(values)?, &DataType::Int64)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        micros(text.parse().unwrap())
    }

    #[test]
    fn every_year_has_its_units() {
        for (time, unit, start) in [
            ("0001-01-01T00:00:00", "year", "0001-01-01T00:00:00"),
            ("0137-07-29T19:59:34.5", "hour", "0137-07-29T19:00:00"),
            ("1969-12-31T23:59:59", "month", "1969-12-01T00:00:00"),
            ("2021-07-29T13:06:49", "week", "2021-07-26T00:00:00"),
            ("2021-08-01T00:00:00", "week", "2021-07-26T00:00:00"),
            ("2021-08-02T00:00:00", "weeks", "2021-08-02T00:00:00"),
            ("2024-12-31T00:00:00", "quarter", "2024-10-01T00:00:00"),
            ("9999-12-31T23:59:59.999999", "day", "9999-12-31T00:00:00"),
            ("9999-12-31T23:59:59.999999", "year", "9999-01-01T00:00:00"),
        ] {
            let unit = ColumnarValue::Scalar(ScalarValue::Utf8(Some(unit.to_owned())));
            let found = truncated(&[unit], &vec![at(time)].into()).unwrap();
            assert_eq!(civil(found.value(0)), Some(start.parse().unwrap()), "{time}");
        }
        assert!(Unit::named("fortnight").is_err());
    }

    #[test]
    fn units_are_counted_as_duckdb_counts_them() {
        for (unit, from, to, begun, whole) in [
            ("hour", "2021-07-29T12:59:00", "2021-07-29T13:01:00", 1, 0),
            ("week", "2021-08-01T00:00:00", "2021-08-02T00:00:00", 1, 0),
            ("month", "2021-01-31T00:00:00", "2021-03-01T00:00:00", 2, 1),
            ("quarter", "2021-03-31T00:00:00", "2021-04-01T00:00:00", 1, 0),
            ("year", "0001-12-31T00:00:00", "9999-01-01T00:00:00", 9998, 9997),
            ("day", "2021-07-30T00:00:00", "2021-07-28T12:00:00", -2, -1),
        ] {
            let (unit, from, to) = (Unit::named(unit).unwrap(), at(from), at(to));
            assert_eq!((boundaries(unit, from, to), complete(unit, from, to)), (Some(begun), Some(whole)), "{from}");
        }
    }

    #[test]
    fn texts_are_read_by_their_format() {
        for (text, format, time) in [
            ("29/07/2021", "%d/%m/%Y", Some("2021-07-29T00:00:00")),
            ("2021", "%Y", Some("2021-01-01T00:00:00")),
            ("29/Jul/2021:13:06:49 +0200", "%d/%b/%Y:%H:%M:%S %z", Some("2021-07-29T11:06:49")),
            ("9999-12-31 23:59:59.25", "%Y-%m-%d %H:%M:%S.%f", Some("9999-12-31T23:59:59.25")),
            ("2021-13-01", "%Y-%m-%d", None),
            ("x", "%Y", None),
        ] {
            assert_eq!(time_of(text, format), time.map(at), "{text}");
        }
    }
}
