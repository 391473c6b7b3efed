// Numbers, times and names as people read them.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const places = (digits) => new Intl.NumberFormat('en', { maximumFractionDigits: digits })
const regions = new Intl.DisplayNames(['en'], { type: 'region' })

export const NONE = '–'

/** All digits: 12,345 or 3.25. */
export function exact(number) {
  if (number === null || number === undefined || Number.isNaN(number)) return NONE
  return Number.isInteger(number) ? whole.format(number) : places(Math.abs(number) < 10 ? 2 : 1).format(number)
}

/** At most four characters or so: 12.3K. */
export function compact(number) {
  if (number === null || number === undefined) return NONE
  return Math.abs(number) >= 10_000 ? short.format(number) : exact(number)
}

export function percent(part) {
  if (part === null || part === undefined || !Number.isFinite(part)) return NONE
  const hundredths = part * 100
  return `${places(hundredths !== 0 && Math.abs(hundredths) < 10 ? 1 : 0).format(hundredths)}%`
}

/** The difference of two shares: 3.2 points. */
export function points(difference) {
  const hundredths = Math.abs(difference * 100)
  return `${hundredths.toFixed(hundredths < 0.005 ? 0 : hundredths < 0.1 ? 2 : 1)} points`
}

export function seconds(number) {
  if (number === null || number === undefined) return NONE
  const total = Math.round(number)
  const [minutes, rest] = [Math.floor(total / 60), total % 60]
  if (minutes >= 60) return `${Math.floor(minutes / 60)}h ${minutes % 60}m`
  return minutes ? `${minutes}m ${rest}s` : `${rest}s`
}

export function milliseconds(number) {
  if (number === null || number === undefined) return NONE
  return number >= 10_000 ? `${places(1).format(number / 1000)} s` : `${places(number < 10 ? 1 : 0).format(number)} ms`
}

/** How a figure is written, by the name of its kind. */
export const kinds = {
  count: compact,
  percent,
  seconds,
  milliseconds,
  rate: (number) => (number === null || number === undefined ? NONE : `${places(number < 10 ? 2 : 0).format(number)}/s`),
  money: (number, currency) => (number === null || number === undefined ? NONE : `${compact(Math.round(number * 100) / 100)}${currency ? ` ${currency}` : ''}`)
}

export function country(code) {
  if (!/^[A-Z]{2}$/.test(code)) return code
  try {
    return regions.of(code)
  } catch {
    return code
  }
}

/** The name of a value of a dimension. */
export function label(dimension, value) {
  if (value === '~other') return 'All others'
  if (value === '~start') return 'Start of the visit'
  if (value === '') return '(empty)'
  return dimension === 'country' ? country(value) : value
}

const clocks = new Map()

/** Writes instants in the zone of the site. */
export function clock(zone, options) {
  const key = `${zone}${JSON.stringify(options)}`
  if (!clocks.has(key)) {
    clocks.set(key, new Intl.DateTimeFormat('en-GB', { timeZone: zone, ...options }))
  }
  const format = clocks.get(key)
  return (ms) => format.format(new Date(ms))
}

/** How the points of a series are named, by their step. */
export function pointName(zone, step) {
  if (step.endsWith('mo')) return clock(zone, { month: 'long', year: 'numeric' })
  if (step.endsWith('d') || step.endsWith('w')) {
    return clock(zone, { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' })
  }
  if (step.endsWith('s')) return clock(zone, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
  return clock(zone, { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })
}
