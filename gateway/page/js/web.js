// The web view: who comes, from where, to which pages, and what they do there.
import { html, useEffect, useMemo } from './html.js'
import { Status, useAnswers, usePaced } from './answers.js'
import { VIEW, countsUsers, has, isOfVisits, metric, names, numberQuestions, numbersOf, top } from './ask.js'
import { Chart, pickOf } from './chart.js'
import { Cohorts, cohortsOf } from './cohorts.js'
import { compact, percent, pointName } from './format.js'
import { Figures, figuresOf, metricsOf, write } from './figures.js'
import { Funnels, funnelsOf } from './funnels.js'
import { Clicks, Hours, WorldMap, clickQuestion } from './heat.js'
import { Paths, pathsOf } from './paths.js'
import { resolve } from './period.js'
import { Ranking } from './ranking.js'
import { withFilter, withTab } from './route.js'
import { Missing, note } from './uncounted.js'
import { ValuesPanel, missingOf, valueMetrics } from './values.js'

const ROWS = 100
/** So many rows of the period before, so that a value that had few is still known. */
const EARLIER = 300
/** Beside the visitors or visits of a value, where visits are counted by it. */
const BOUNCES = { id: 'extra', metric: 'bounces:share', name: 'Bounce rate', write: percent }
/** Beside the visitors of an event: how often it happened. */
const TIMES = { id: 'extra', metric: 'events', name: 'Events', write: compact }

/** Each panel by the dimensions that it can show, of which the site has some. */
const RANKINGS = [
  { id: 'pages', title: 'Pages', dimensions: [['page', 'Pages'], ['entry', 'Entry'], ['exit', 'Exit']] },
  {
    id: 'sources', title: 'Sources',
    dimensions: [['source', 'Sources'], ['utm_campaign', 'Campaigns'], ['utm_source', 'UTM source'], ['utm_medium', 'Medium'], ['utm_term', 'Term'], ['utm_content', 'Content']]
  },
  { id: 'countries', title: 'Countries', dimensions: [['country', 'Countries']] },
  { id: 'devices', title: 'Devices', dimensions: [['device', 'Devices'], ['browser', 'Browsers'], ['os', 'Systems']] }
]
/** The panels of the left column; the others stand in the right. */
const LEFT = new Set(['pages', 'countries'])
const ELSEWHERE = new Set(['x', 'y', 'from', 'currency', ...RANKINGS.flatMap((panel) => panel.dimensions.map(([name]) => name))])

/** The panels that this site can fill. What has no panel of its own stands beside the events. */
function panelsOf(info) {
  const panels = RANKINGS.map((panel) => ({ ...panel, dimensions: panel.dimensions.filter(([name]) => has(info, name)) }))
  const others = names(info, 'dimensions').filter((name) => name !== 'event' && !ELSEWHERE.has(name))
  panels.push({ id: 'events', title: 'Events', dimensions: [['event', 'Events'], ...others.map((name) => [name, name])] })
  return panels.filter((panel) => panel.dimensions.length)
}

function plan(start, route, period, zone) {
  const { info } = start
  const { window, before, upTo = before } = period
  const figures = figuresOf(start, route.filters)
  const metrics = metricsOf(figures)
  const questions = {}
  if (metrics.length) Object.assign(questions, numberQuestions(period, metrics))
  const able = figures.filter((figure) => figure.parts.every((part) => part.metric))
  const figure = able.find(({ id }) => id === route.figure) ?? able[0] ?? figures[0]
  const ofSeries = metricsOf([figure])
  if (ofSeries.length) {
    questions.series = { query: 'range', window, step: period.step, metric: ofSeries, format: 'columns' }
    if (before) questions['series-before'] = { query: 'range', window: before, step: period.step, metric: ofSeries, format: 'columns' }
  }
  const panels = panelsOf(info).map((panel) => {
    const tab = panel.dimensions.some(([name]) => name === route.tabs[panel.id]) ? route.tabs[panel.id] : panel.dimensions[0][0]
    const isEnd = tab === 'entry' || tab === 'exit'
    const others = route.filters.map(([name]) => name).filter((name) => name !== tab)
    const by = isEnd ? 'visits' : countsUsers(info, [tab, ...others]) ? 'users' : 'events'
    // Under the filter of another dimension there are rows of a cube, which has no visits.
    const isOfVisit = isOfVisits(info, tab) && route.filters.every(([name]) => name === tab)
    const extra = isOfVisit ? BOUNCES : panel.id === 'events' && by === 'users' ? TIMES : null
    const limit = panel.id === 'countries' ? 300 : ROWS
    const ranked = top(info, window, tab, by, route.filters, limit, extra && (isEnd || extra === TIMES) ? [extra.metric] : [])
    if (ranked.question) questions[panel.id] = ranked.question
    if (ranked.question && upTo) questions[`${panel.id}-before`] = { ...ranked.question, window: upTo, with: [], limit: EARLIER }
    // Visits have rows of their own beside those of events.
    if (extra === BOUNCES && !isEnd) questions[`${panel.id}-visits`] = top(info, window, tab, 'visits', [], limit, [extra.metric]).question
    return { ...panel, tab, by, ranked, extra }
  })
  const paths = pathsOf(info, route, window)
  Object.assign(questions, paths?.questions)
  const clicks = clickQuestion(info, route, window)
  if (clicks?.question) questions.clicks = clicks.question
  const values = valueMetrics(info, route.filters)
  if (values.length) questions.values = { query: 'get', window, metric: values }
  if (values.length && has(info, 'currency')) questions.currency = top(info, window, 'currency', 'events', [], 2).question
  const hasValues = names(info, 'values').length > 0 && route.filters.every(([name]) => name !== 'entry' && name !== 'exit')
  // A site without pages has no page views: its events are counted.
  const byViews = !route.filters.length && has(info, 'page')
  const hours = period.days >= 7 && period.days <= 35
    ? { ...metric(info, 'events', byViews ? [['event', VIEW]] : route.filters), unit: byViews ? 'page views' : 'events' }
    : null
  if (hours?.metric) questions.hours = { query: 'range', window, step: '1h', metric: [hours.metric], format: 'columns' }
  const cohorts = cohortsOf(info ?? {}, route, zone, Date.now())
  if (cohorts.question) questions.cohorts = cohorts.question
  const funnels = funnelsOf(info ?? {}, route, window)
  if (funnels.question) Object.assign(questions, { funnel: funnels.question, funnels: { query: 'funnels' } })
  const missing = []
  for (const { name, parts } of figures) for (const cube of new Set(parts.map((part) => part.missing))) note(missing, cube, name)
  for (const { title, ranked } of panels) note(missing, ranked.missing, title)
  note(missing, missingOf(info, route.filters), 'Values')
  note(missing, clicks?.missing, 'Clicks')
  note(missing, paths?.missing, 'From page to page')
  const isNone = Boolean(metric(info, 'events', route.filters).missing)
  return { questions, figures, figure, panels, paths, clicks, hasValues, hours, cohorts, funnels, missing, isNone }
}

export function Web({ start, route, navigate, reload, live, theme }) {
  const zone = start.info?.timezone ?? 'UTC'
  // A window that moves is asked for as it is now; one of days changes at midnight.
  const period = useMemo(() => resolve(route, start.info ?? {}, Date.now()), [route.period, route.compare, route.from, route.to, start, live.day, live.events])
  const { questions, figures: plain, figure: first, panels, paths, clicks, hasValues, hours, cohorts, funnels, missing, isNone } = useMemo(() => plan(start, route, period, zone), [start, route, period, live.day])
  const { answers, loading, failure, at, current, again } = useAnswers(start.site, questions, period.upTo)
  const refresh = usePaced(again, 10_000)
  useEffect(() => {
    if (period.live && live.events !== null) refresh()
  }, [live.events])

  const numbers = numbersOf(answers.now, answers.before)
  const choose = (dimension, value) => navigate(withFilter(route, dimension, value))
  const onTab = (panel) => (tab) => navigate(withTab(route, panel, tab))
  // Money of several currencies is a sum without one.
  const currencies = answers.currency?.data ?? []
  const currency = currencies.length === 1 ? currencies[0].value : ''
  const figures = plain.map((figure) => (figure.kind === 'money' ? { ...figure, currency } : figure))
  const figure = figures[plain.indexOf(first)]
  const isNew = !start.info || start.info.events === 0
  if (isNew) return html`<${Welcome} start=${start} navigate=${navigate} />`
  const ranking = (panel) => html`
    <${Ranking} key=${panel.id} id=${panel.id} title=${panel.title} tabs=${panel.dimensions} tab=${panel.tab} onTab=${onTab(panel.id)}
      ranked=${panel.ranked} answer=${answers[panel.id]} loading=${loading} route=${route} start=${start} onPick=${choose} more=${reload}
      by=${panel.by} extra=${panel.extra} beside=${answers[`${panel.id}-visits`]} before=${answers[`${panel.id}-before`]}
      renderAbove=${panel.id === 'countries' ? (rows) => html`<${WorldMap} rows=${rows} onPick=${(value) => choose('country', value)} />` : undefined} />`
  const uncounted = html`<${Missing} start=${start} missing=${missing} onDone=${reload} />`
  return html`
    <${Status} failure=${failure} at=${at} loading=${loading} again=${again} zone=${zone} />
    <div class=${current ? '' : 'fading'}>
      ${isNone && uncounted}
      <${Figures} figures=${figures} now=${numbers.now} before=${numbers.before} chosen=${figure.id} current=${current} onChoose=${(id) => navigate({ figure: id })} />
      ${answers.now?.error && html`<p class="problem" role="alert">${answers.now.error.message}</p>`}
      <${Series} figure=${figure} answer=${answers.series} before=${answers['series-before']} period=${period} zone=${zone} theme=${theme} loading=${loading} start=${start} navigate=${navigate} />
      <div class="grid">
        <div class="stack">
          ${panels.filter((panel) => LEFT.has(panel.id)).map(ranking)}
          ${paths && html`<${Paths} paths=${paths} answers=${answers} route=${route} start=${start} loading=${loading} navigate=${navigate} onPick=${choose} onTab=${onTab('paths')} reload=${reload} />`}
          ${hours?.metric && html`<${Hours} answer=${answers.hours} metric=${hours.metric} unit=${hours.unit} zone=${zone} start=${start} loading=${loading} />`}
        </div>
        <div class="stack">
          ${panels.filter((panel) => !LEFT.has(panel.id)).map(ranking)}
          ${hasValues && html`<${ValuesPanel} start=${start} answer=${answers.values} filters=${route.filters} loading=${loading} reload=${reload} currency=${currency} />`}
          ${clicks && html`<${Clicks} clicks=${clicks} answer=${answers.clicks} route=${route} navigate=${navigate} start=${start} loading=${loading} reload=${reload} />`}
        </div>
        <${Funnels} funnels=${funnels} all=${answers.funnels} answer=${answers.funnel} route=${route} start=${start} zone=${zone} loading=${loading} navigate=${navigate} />
        <${Cohorts} cohorts=${cohorts} answer=${answers.cohorts} route=${route} start=${start} zone=${zone} loading=${loading} onTab=${onTab('cohorts')} navigate=${navigate} />
        ${!isNone && uncounted}
      </div>
    </div>`
}

function Series({ figure, answer, before, period, zone, theme, loading, start, navigate }) {
  const { times, lines } = useMemo(() => {
    const points = (data) => data.time_ms.map((_, at) => figure.value(figure.parts.map((part) => data.metrics[part.metric]?.[at] ?? null)))
    if (!answer?.data) return { times: [], lines: [] }
    const times = answer.data.time_ms
    const now = Date.now()
    // What has not come yet is no zero.
    const main = points(answer.data).map((number, at) => (times[at] > now ? null : number))
    const lines = [{ name: figure.name, kind: 'main', points: main }]
    if (before?.data) {
      const earlier = points(before.data)
      // Before its first event the site has nothing to compare with.
      if (earlier.some(Boolean)) lines.push({ name: 'Before', kind: 'before', past: true, points: times.map((_, at) => earlier[at] ?? null) })
    }
    return { times, lines }
  }, [answer, before, figure.id])
  if (answer?.error) return html`<p class="problem tall" role="alert">${answer.error.message}</p>`
  if (!answer?.data) return html`<div class="chart tall quiet" aria-busy=${loading}>${loading ? 'Loading…' : 'The site has no answer for this.'}</div>`
  return html`<${Chart} times=${times} lines=${lines} zone=${zone} step=${period.step} ongoing=${period.live} name=${`${figure.name} over time`} site=${start.site} onPick=${pickOf(period.step, navigate)} theme=${theme} write=${(number) => write(figure, number)} when=${pointName(zone, period.step)} />`
}

function Welcome({ start, navigate }) {
  return html`
    <section class="panel wide welcome">
      <h2>No events yet</h2>
      <p>As soon as ${start.site} has counted its first event, its figures are here. Put the snippet into your pages, or send one:</p>
      <pre><code>${`curl ${location.origin}/track -H 'Authorization: Bearer wk_...' \\\n  -d '{"event": "pageview", "user_id": "ann", "properties": {"page": "/"}}'`}</code></pre>
      ${start.operator && html`<button class="button" onClick=${() => navigate({ view: 'settings' })}>Snippet and keys</button>`}
    </section>`
}
