// The state of the page is its address: every view, period, filter and tab can be shared, and the
// browser goes back through them.

export const VIEWS = [
  ['web', 'Web'],
  ['operations', 'Operations'],
  ['live', 'Live'],
  ['settings', 'Settings']
]

const DEFAULTS = { site: '', view: 'web', period: '7d', compare: 'previous', from: '', to: '', figure: '', value: '', by: '' }
const TAB = 'tab-'

export function read(search) {
  const params = new URLSearchParams(search)
  const route = { ...DEFAULTS, filters: [], tabs: {} }
  for (const [name, value] of params) {
    if (name in DEFAULTS) route[name] = value
    if (name.startsWith(TAB)) route.tabs[name.slice(TAB.length)] = value
    const at = value.indexOf('=')
    if (name === 'f' && at > 0) route.filters.push([value.slice(0, at), value.slice(at + 1)])
  }
  if (!VIEWS.some(([view]) => view === route.view)) route.view = DEFAULTS.view
  return route
}

export function write(route) {
  const params = new URLSearchParams()
  for (const [name, standard] of Object.entries(DEFAULTS)) {
    if (route[name] && route[name] !== standard) params.append(name, route[name])
  }
  for (const [dimension, value] of route.filters) params.append('f', `${dimension}=${value}`)
  for (const [panel, tab] of Object.entries(route.tabs)) params.append(TAB + panel, tab)
  const text = params.toString()
  return text ? `?${text}` : location.pathname
}

/** The route with a filter on or off; a dimension has one value at a time. */
export function withFilter(route, dimension, value) {
  const others = route.filters.filter(([name]) => name !== dimension)
  const had = route.filters.some(([name, given]) => name === dimension && given === value)
  return { filters: had ? others : [...others, [dimension, value]] }
}

export function withTab(route, panel, tab) {
  return { tabs: { ...route.tabs, [panel]: tab } }
}
