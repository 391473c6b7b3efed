// The figures at the top: what each needs of the site, how it is asked for and written. A figure that
// the site does not have is not there.
import { html } from './html.js'
import { kinds, exact, percent, points, NONE } from './format.js'
import { VIEW, also, metric, names, visitsOf } from './ask.js'

const ratio = (a, b) => (a === null || a === undefined || !b ? null : a / b)

/**
 * `{id, name, kind, parts, value}`: `parts` are metrics, `value` makes the figure of their numbers.
 * `hidden` says of the numbers of a period that there is nothing to show.
 */
export function figuresOf(start, filters) {
  const { info, goal } = start
  const values = names(info, 'values')
  const byEvent = filters.some(([name]) => name === 'event')
  const of = (subject, more) => metric(info, subject, more ?? filters)
  const views = () => of('events', also(filters, 'event', VIEW))
  const figures = [{ id: 'visitors', name: 'Visitors', kind: 'count', parts: [of('users')], value: ([users]) => users }]
  // Who is new is decided with somebody's first event, which was seldom on the page of a filter.
  const isWithin = filters.some(([name]) => ['event', 'page', visitsOf(info)?.path].includes(name))
  if (info?.returning) {
    const unknown = 'Not known: the period begins before the site remembered who was there'
    for (const [id, name] of [['new', 'New visitors'], ['returning', 'Returning']]) {
      figures.push({ id, name, kind: 'count', parts: [isWithin ? { metric: null } : of(`users:${id}`)], value: ([users]) => users, unknown })
    }
  }
  const visits = visitsOf(info)
  if (visits) {
    figures.push({ id: 'visits', name: 'Visits', kind: 'count', parts: [of('visits')], value: ([visits]) => visits })
  }
  if (!byEvent) {
    figures.push(
      { id: 'views', name: 'Page views', kind: 'count', parts: [views()], value: ([count]) => count, hidden: ([count]) => count === 0 },
      {
        id: 'views-each', name: visits ? 'Views a visit' : 'Views a visitor', kind: 'decimal', parts: [views(), of(visits ? 'visits' : 'users')],
        value: ([count, all]) => ratio(count, all), hidden: ([count]) => count === 0
      }
    )
  }
  if (visits) {
    figures.push(
      { id: 'bounces', name: 'Bounce rate', kind: 'percent', parts: [of('bounces:share')], value: ([share]) => share, lower: true },
      { id: 'duration', name: 'Visit duration', kind: 'seconds', parts: [of('visit-time:avg')], value: ([time]) => time }
    )
  } else if (values.includes('engagement')) {
    figures.push({ id: 'time', name: 'Time on a page', kind: 'seconds', parts: [of('engagement:avg')], value: ([time]) => time })
  }
  figures.push({ id: 'events', name: byEvent ? 'Events' : 'All events', kind: 'count', parts: [of('events')], value: ([count]) => count })
  if (!byEvent && goal) {
    figures.push({
      id: 'conversion', name: `Visitors with ${goal}`, kind: 'percent', parts: [of('users', also(filters, 'event', goal)), of('users')],
      value: ([users, all]) => ratio(users, all), hidden: ([users]) => users === 0
    })
  }
  if (values.includes('revenue')) {
    figures.push({ id: 'revenue', name: 'Revenue', kind: 'money', parts: [of('revenue:sum')], value: ([sum]) => sum })
  }
  return figures
}

/** The metrics that the figures need and the site can answer, each once. */
export function metricsOf(figures) {
  return [...new Set(figures.flatMap((figure) => figure.parts.map((part) => part.metric)).filter(Boolean))]
}

const writers = { ...kinds, decimal: exact }

export function write(figure, number) {
  return (writers[figure.kind] ?? exact)(number, figure.currency)
}

/** Numbers change by a percentage, shares by points. */
export function Change({ now, before, lower, isShare }) {
  if (before === undefined) return null
  if (now === null || before === null || (before === 0 && !isShare)) return html`<span class="change quiet">no comparison</span>`
  const part = isShare ? now - before : now / before - 1
  const direction = Math.abs(part) < (isShare ? 0.00005 : 0.0005) ? 'same' : part > 0 ? 'up' : 'down'
  const text = isShare ? points(part) : percent(Math.abs(part))
  const words = { same: 'unchanged', up: `up ${text}`, down: `down ${text}` }
  const better = direction === 'same' ? '' : (direction === 'up') !== Boolean(lower) ? ' better' : ' worse'
  return html`<span class=${`change${better}`}><span aria-hidden="true">${{ same: '=', up: '↑', down: '↓' }[direction]}</span> <span class="hidden">${words[direction]}</span><span aria-hidden="true" title=${isShare ? 'Percentage points' : undefined}>${text}</span></span>`
}

/** `now` and `before` are numbers by metric; `before` is null without a comparison. */
export function Figures({ figures, now, before, chosen, onChoose, current }) {
  const of = (numbers, figure) => figure.value(figure.parts.map((part) => numbers[part.metric] ?? null))
  const shown = figures.filter((figure) => !(figure.hidden && now && figure.parts.every((part) => part.metric) && figure.hidden(figure.parts.map((part) => now[part.metric] ?? null))))
  return html`
    <ul class=${`figures${shown.length > 9 ? ' many' : ''}`} aria-label="Figures" aria-busy=${!current}>
      ${shown.map((figure) => {
        const missing = figure.parts.find((part) => part.missing)
        const none = !missing && figure.parts.some((part) => !part.metric)
        const number = now && !missing && !none ? of(now, figure) : null
        const unknown = now && !missing && !none && number === null && figure.unknown
        const earlier = before && !missing && !none ? of(before, figure) : undefined
        return html`
          <li key=${figure.id}>
            <button class="figure" aria-pressed=${figure.id === chosen} disabled=${Boolean(missing || none)} data-figure=${figure.id} data-number=${number} data-before=${earlier}
              title=${unknown ? unknown : none ? 'The site does not count this by what is filtered' : missing ? `Not counted together: ${missing.missing}` : now ? `${exact(number)}${earlier === undefined ? '' : `, before: ${exact(earlier)}`}` : ''}
              onClick=${() => onChoose(figure.id)}>
              <span class="figure-name">${figure.name}</span>
              <span class="figure-number">${missing || !now ? NONE : write(figure, number)}</span>
              ${missing ? html`<span class="change quiet">not counted yet</span>` : none ? html`<span class="change quiet">not with this filter</span>` : unknown ? html`<span class="change quiet">not known<span class="hidden">: ${unknown}</span></span>` : now && html`<${Change} now=${number} before=${earlier} lower=${figure.lower} isShare=${figure.kind === 'percent'} />`}
            </button>
          </li>`
      })}
    </ul>`
}
