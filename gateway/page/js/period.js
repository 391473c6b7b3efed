// Periods: the windows that they ask for, what they are compared with, and the step of the series.
// Dates are those of the site's zone. A period of whole days is a window of dates, so that a shared
// address means the same days to everybody for as long as the period says so.

const DAY = 86_400_000

export const PERIODS = [
  ['today', 'Today'],
  ['yesterday', 'Yesterday'],
  ['24h', 'Last 24 hours'],
  ['7d', 'Last 7 days'],
  ['28d', 'Last 28 days'],
  ['91d', 'Last 91 days'],
  ['365d', 'Last 12 months'],
  ['this-week', 'This week'],
  ['last-week', 'Last week'],
  ['this-month', 'This month'],
  ['last-month', 'Last month'],
  ['custom', 'Custom…']
]

export const COMPARISONS = [
  ['previous', 'Previous period'],
  ['year', 'Year before'],
  ['none', 'No comparison']
]

/** The date in a zone, as 2026-11-30. */
export function dateIn(zone, ms) {
  const parts = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' })
  return parts.format(new Date(ms))
}

/** Dates are counted in UTC, where every day has 24 hours. */
export function addDays(date, days) {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY).toISOString().slice(0, 10)
}

function yearBefore(date) {
  const [year, month, day] = date.split('-')
  const before = `${Number(year) - 1}-${month}-${day}`
  // A year before the 29th of February there is the 28th.
  return month === '02' && day === '29' ? `${Number(year) - 1}-02-28` : before
}

function daysBetween(from, to) {
  return Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / DAY)
}

export function isDate(text) {
  return /^\d{4}-\d\d-\d\d$/.test(text ?? '') && !Number.isNaN(Date.parse(`${text}T00:00:00Z`))
}

/** The Monday of the week of a date. */
function monday(date) {
  return addDays(date, -((new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7))
}

/** The first day of the month that is so many months before that of a date. */
function monthBefore(date, count) {
  const first = new Date(`${date.slice(0, 7)}-01T00:00:00Z`)
  first.setUTCMonth(first.getUTCMonth() - count)
  return first.toISOString().slice(0, 10)
}

/** From the first to the day after the last, compared with as many days, or the same a year before. */
function dates(from, until, compare, previous = addDays(from, -daysBetween(from, until))) {
  const length = daysBetween(from, until)
  const window = `${from}..${until}`
  let before = null
  if (compare === 'previous') before = `${previous}..${from}`
  if (compare === 'year') before = `${yearBefore(from)}..${yearBefore(until)}`
  return { window, before, step: length > 2 ? '1d' : '1h', from, last: addDays(until, -1), days: length }
}

/**
 * From a day to now, in a window whose numbers the engine compares by itself with those of the one before
 * it, up to the same time. `upTo` is that window for all else.
 */
function running(window, from, zone, now, compare, previous, previousFrom) {
  const today = dateIn(zone, now)
  const past = daysBetween(from, today)
  const time = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit' }).format(new Date(now))
  // A window up to midnight would be empty.
  const end = time === '00:00' ? '00:01' : time
  const common = { window, live: true, step: past > 1 ? '1d' : '1h', days: past + 1, from, last: today }
  if (compare === 'previous') {
    const last = [addDays(previousFrom, past), addDays(from, -1)].sort()[0]
    return { ...common, named: true, before: previous, upTo: `${previousFrom}..${last}T${end}` }
  }
  if (compare !== 'year') return { ...common, before: null }
  const first = yearBefore(from)
  return { ...common, before: `${first}..${yearBefore(addDays(today, 1))}`, upTo: `${first}..${yearBefore(today)}T${end}` }
}

/**
 * What a route asks for: `window` and `before`, the `step` of the series, its first and last date. `named`
 * is a window whose comparison the engine does itself, up to the same time; `live` one that ends now. What
 * begins before the first event of the site, on the day `begins`, is compared with nothing.
 */
export function resolve(route, { timezone: zone, 'first-event': first }, now) {
  const period = asked(route, zone, now)
  const start = (period.upTo ?? period.before ?? '').split('..')[0]
  const begins = /^\d+$/.test(start) ? first > Number(start) : start && first && dateIn(zone, first) > start
  return begins ? { ...period, before: null, upTo: undefined, named: false, begins: dateIn(zone, first) } : period
}

function asked(route, zone, now) {
  const today = dateIn(zone, now)
  const compare = route.compare
  const days = { '7d': 7, '28d': 28, '91d': 91, '365d': 365 }[route.period]
  if (days) return dates(addDays(today, -days), today, compare)
  switch (route.period) {
    case 'today':
      return running('today', today, zone, now, compare, 'yesterday', addDays(today, -1))
    case '24h': {
      const common = { window: '24h', live: true, step: '1h', days: 1 }
      const before = `${now - 2 * DAY}..${now - DAY}`
      return compare === 'previous' ? { ...common, named: true, before, upTo: before } : { ...common, before: null }
    }
    case 'this-week':
      return running('this-week', monday(today), zone, now, compare, 'last-week', addDays(monday(today), -7))
    case 'last-week':
      return dates(addDays(monday(today), -7), monday(today), compare)
    case 'this-month':
      return running('this-month', monthBefore(today, 0), zone, now, compare, 'last-month', monthBefore(today, 1))
    case 'last-month':
      return dates(monthBefore(today, 1), monthBefore(today, 0), compare, monthBefore(today, 2))
    case 'custom':
      if (isDate(route.from) && isDate(route.to) && route.from <= route.to) {
        return dates(route.from, addDays(route.to, 1), compare)
      }
      return dates(addDays(today, -7), today, compare)
    default:
      return dates(addDays(today, -1), today, compare)
  }
}

const written = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'short', year: 'numeric' })

function range(from, last) {
  return written.formatRange(new Date(`${from}T00:00:00Z`), new Date(`${last}T00:00:00Z`))
}

/** The dates of a period and of what it is compared with, and whether the running day is among them. */
export function inWords({ from, last, live, before, upTo, begins }, today) {
  const none = begins ? `; no comparison: the site begins on ${range(begins, begins)}` : ''
  if (!from) return `The 24 hours until now${before ? '; before: the 24 hours before them' : none}`
  const end = live ? ', today until now' : last >= today ? ', with today' : last === addDays(today, -1) ? ', without today' : ''
  const [first, until, time] = (upTo ?? before ?? '').split(/\.\.|T/)
  const earlier = first && `; before: ${range(first, time ? until : addDays(until, -1))}${time ? ` until ${time}` : ''}`
  return range(from, last) + end + (earlier || none)
}
