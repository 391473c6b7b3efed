// Metrics and questions with filters. A filter by one dimension is part of every row; two or more need
// a cube of exactly these dimensions, which the site has to declare.

export const VIEW = 'pageview'

export function names(info, kind) {
  return (info?.[kind] ?? []).map((row) => row[0])
}

export function has(info, dimension) {
  if (ENDS.includes(dimension)) return Boolean(visitsOf(info)?.path)
  return dimension === 'event' || names(info, 'dimensions').includes(dimension)
}

/** Dimensions of visits that no event has. */
const ENDS = ['entry', 'exit']

/** How the site counts visits, `{timeout, path, by, visitors}`, or null. */
export function visitsOf(info) {
  if (!info?.visits) return null
  const [timeout, ...words] = info.visits
  const after = (option) => words.filter((_, at) => at % 2 === 1 && words[at - 1] === option)
  return { timeout, path: after('PATH')[0] ?? '', by: after('BY'), visitors: after('VISITORS') }
}

/** Whether visits are counted by this dimension, as of their first event. */
export function isOfVisits(info, dimension) {
  return ENDS.includes(dimension) ? has(info, dimension) : Boolean(visitsOf(info)?.by.includes(dimension))
}

/** The declared cube of these dimensions, in whatever order, or null. */
export function cubeOf(info, dimensions) {
  const wanted = [...dimensions].sort().join(',')
  return names(info, 'cubes').find((cube) => cube.split(',').sort().join(',') === wanted) ?? null
}

/** Whether rows of these dimensions, of one or of a cube, have numbers of users. */
export function countsUsers(info, dimensions) {
  const [kind, name] = dimensions.length > 1 ? ['cubes', cubeOf(info, dimensions)] : ['dimensions', dimensions[0]]
  return info?.[kind]?.find((row) => row[0] === name)?.[1] !== 'nousers'
}

/** In front of the name of a dimension, an & that belongs to a value is doubled. */
function escaped(info, value) {
  const known = ['event', ...names(info, 'dimensions')]
  return value.replace(/(&+)([^&]*)/g, (_, run, rest) => {
    const begins = known.some((name) => rest.startsWith(`${name}=`))
    return run + (begins ? '&' : '') + rest
  })
}

/** `(subject@a=x&b=y)`, `{missing}` with the cube that it needs, or no metric where none can help. */
export function metric(info, subject, filters) {
  if (!filters.length) return { metric: subject }
  const dimensions = filters.map(([name]) => name)
  if (/^(visit|bounce)/.test(subject)) {
    if (dimensions.length > 1 || !isOfVisits(info, dimensions[0])) return { metric: null }
  } else if (dimensions.some((name) => ENDS.includes(name))) return { metric: null }
  if (new Set(dimensions).size < dimensions.length) return { metric: null }
  if (dimensions.length > 1 && !cubeOf(info, dimensions)) return { missing: dimensions.join(',') }
  const text = filters.map(([name, value]) => `${name}=${escaped(info, value)}`).join('&')
  // In parentheses, because a / of the value would divide.
  return { metric: `(${subject}@${text})` }
}

/** Filters with one more, in place of another by the same dimension. */
export function also(filters, dimension, value) {
  return [[dimension, value], ...filters.filter(([name]) => name !== dimension)]
}

/**
 * The values of a dimension by a metric under filters: a question, `{missing}` with the cube that it
 * needs, or `{none}` with a word on why there are no such rows. The dimension's own filter leaves the
 * others in sight.
 */
export function top(info, window, dimension, by, filters, limit, more = []) {
  const others = filters.filter(([name]) => name !== dimension)
  if (others.length && [dimension, ...others.map(([name]) => name)].some((name) => ENDS.includes(name))) {
    return { none: `Entry and exit are those of a visit: ${dimension} is not counted by ${others.map(([name]) => name).join(', ')}.` }
  }
  if (others.length && !cubeOf(info, [dimension, ...others.map(([name]) => name)])) {
    return { missing: [...others.map(([name]) => name), dimension].join(',') }
  }
  const where = others.map(([name, value]) => `${name}:${value}`)
  return { question: { query: 'top', window, dimension, where, by, with: more, limit } }
}

/** The rows of an answer: `{value, number, share, bound}`, and the metrics that were asked for beside. */
export function rowsOf(answer, by) {
  return (answer?.data ?? []).map((row) => ({ ...row, number: row[by], bound: row.error_bound }))
}

/** The questions for the numbers of a period and of the one that it is compared with. */
export function numberQuestions({ window, before, named, upTo = before }, metrics) {
  if (named) return { now: { query: 'compare', window, metric: metrics } }
  const get = (window) => ({ query: 'get', window, metric: metrics })
  return before ? { now: get(window), before: get(upTo) } : { now: get(window) }
}

/** Numbers by metric, from `compare` or from two answers of `get`. */
export function numbersOf(now, before) {
  if (Array.isArray(now?.data)) {
    const of = (member) => Object.fromEntries(now.data.map((row) => [row.metric, row[member]]))
    return { now: of('now'), before: of('before') }
  }
  return { now: now?.data?.metrics ?? null, before: before?.data?.metrics ?? null }
}
