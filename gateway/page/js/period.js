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

/** From the first to the day after the last, compared with as many days, or the same a year before. */
function dates(from, until, compare) {
  const length = daysBetween(from, until)
  const window = `${from}..${until}`
  let before = null
  if (compare === 'previous') before = `${addDays(from, -length)}..${from}`
  if (compare === 'year') before = `${yearBefore(from)}..${yearBefore(until)}`
  return { window, before, step: length > 2 ? '1d' : '1h', from, last: addDays(until, -1), days: length }
}

/**
 * What a route asks for: `window` and `before`, the `step` of the series. `named` is a window whose
 * comparison the engine does itself, up to the same time; `live` one that ends now.
 */
export function resolve(route, zone, now) {
  const today = dateIn(zone, now)
  const compare = route.compare
  const days = { '7d': 7, '28d': 28, '91d': 91, '365d': 365 }[route.period]
  if (days) return dates(addDays(today, -days), today, compare)
  const year = (from, until) => (compare === 'year' ? `${yearBefore(from)}..${yearBefore(until)}` : null)
  switch (route.period) {
    case 'today':
    case '24h': {
      const isDay = route.period === 'today'
      const start = now - DAY
      const earlier = isDay ? 'yesterday' : `${start - DAY}..${start}`
      return {
        window: route.period, named: compare === 'previous', live: true, step: '1h', days: 1,
        before: compare === 'previous' ? earlier : isDay ? year(today, addDays(today, 1)) : null
      }
    }
    case 'this-month': {
      const first = `${today.slice(0, 7)}-01`
      return {
        window: 'this-month', named: compare === 'previous', live: true, step: '1d', days: daysBetween(first, today) + 1,
        before: compare === 'previous' ? 'last-month' : year(first, addDays(today, 1))
      }
    }
    case 'last-month': {
      const until = `${today.slice(0, 7)}-01`
      const from = `${addDays(until, -1).slice(0, 7)}-01`
      if (compare !== 'previous') return dates(from, until, compare)
      return { ...dates(from, until, compare), before: `${addDays(from, -1).slice(0, 7)}-01..${from}` }
    }
    case 'custom':
      if (isDate(route.from) && isDate(route.to) && route.from <= route.to) {
        return dates(route.from, addDays(route.to, 1), compare)
      }
      return dates(addDays(today, -7), today, compare)
    default:
      return dates(addDays(today, -1), today, compare)
  }
}
