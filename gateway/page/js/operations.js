// The operations view: how many events and errors, how slow, where; and what the alerts say.
import { html, useEffect, useMemo } from './html.js'
import { Status, useAnswers, usePaced } from './answers.js'
import { metric, names, numberQuestions, numbersOf, rowsOf, top } from './ask.js'
import { Chart, pickOf } from './chart.js'
import { Change } from './figures.js'
import { clock, compact, exact, kinds, label, milliseconds, percent, pointName, NONE } from './format.js'
import { Answered, Panel, Scroll, save, table } from './panel.js'
import { resolve } from './period.js'
import { withFilter, withTab } from './route.js'
import { Missing, Uncounted, note } from './uncounted.js'

const RANKS = ['p50', 'p95', 'p99']
const ROWS = 50
/** Names under which services send how long something took, the likeliest first. */
const TIMES = ['latency', 'duration', 'response_time', 'load']
const PLACES = ['endpoint', 'route', 'page', 'event']
const ERROR = 'error'
/** Dimensions that say where somebody is on a page: rates by them say nothing. */
const PARTS = ['x', 'y', 'from', 'event']

function chosen(given, known, preferred) {
  if (known.includes(given)) return given
  return preferred.find((name) => known.includes(name)) ?? known[0] ?? ''
}

function plan(start, route, period) {
  const { info } = start
  const values = names(info, 'values')
  const dimensions = names(info, 'dimensions')
  const value = chosen(route.value, values, TIMES)
  const by = chosen(route.by, dimensions, PLACES)
  const { window } = period
  const filters = route.filters
  const of = (subject) => metric(info, subject, filters).metric
  const ofErrors = filters.some(([name]) => name === 'event') ? {} : metric(info, 'events', [['event', ERROR], ...filters])
  const errors = ofErrors.metric ?? null
  const metrics = {
    rate: of('events:rate'), events: of('events'), errors,
    ...Object.fromEntries(RANKS.map((rank) => [rank, value ? of(`${value}:${rank}`) : null]))
  }
  const asked = Object.values(metrics).filter(Boolean)
  const questions = { alerts: { query: 'alerts' }, history: { query: 'alert-history', limit: 50 } }
  if (asked.length) Object.assign(questions, numberQuestions(period, asked))
  const counts = [metrics.events, errors].filter(Boolean)
  const step = period.step === '1h' && period.days <= 1 ? '15m' : period.step
  if (counts.length) questions.counts = { query: 'range', window, step, metric: counts, format: 'columns' }
  const ranks = RANKS.map((rank) => metrics[rank]).filter(Boolean)
  // Percentiles are kept whole by minute for an hour, by hour for some weeks, by day after that.
  const slowStep = period.step === '1h' ? '1h' : '1d'
  if (ranks.length) questions.slow = { query: 'range', window, step: slowStep, metric: ranks, format: 'columns' }
  const places = top(info, window, by, 'events', filters, ROWS, value ? RANKS.map((rank) => `${value}:${rank}`) : [])
  if (places.question) questions.places = places.question
  const missing = []
  const all = metric(info, 'events', filters).missing
  note(missing, all, 'all figures')
  note(missing, ofErrors.missing, 'errors')
  note(missing, places.missing, `the table by ${by}`)
  return { questions, metrics, missing, isNone: Boolean(all), values, dimensions, value, by, step, slowStep, places }
}

export function Operations(props) {
  if (props.start.info) return html`<${Running} ...${props} />`
  return html`<section class="panel wide welcome"><h2>No events yet</h2><p>Rates, percentiles and alerts of ${props.start.site} are here when it has counted something.</p></section>`
}

function Running({ start, route, navigate, reload, live, theme }) {
  const zone = start.info.timezone
  const period = useMemo(() => resolve(route, start.info ?? {}, Date.now()), [route.period, route.compare, route.from, route.to, start, live.day, live.events])
  const asked = useMemo(() => plan(start, route, period), [start, route, period])
  const { metrics, values, dimensions, value, by } = asked
  const { answers, loading, failure, at, current, again } = useAnswers(start.site, asked.questions, period.upTo)
  const refresh = usePaced(again, 10_000)
  useEffect(() => {
    if (live.events !== null) refresh()
  }, [live.events])
  const numbers = numbersOf(answers.now, answers.before)
  const isTime = TIMES.includes(value)
  const writeValue = isTime ? milliseconds : exact
  const of = (numbers, name) => {
    if (!numbers) return undefined
    if (name !== 'error-share') return numbers[metrics[name]] ?? null
    return numbers[metrics.events] ? numbers[metrics.errors] / numbers[metrics.events] : null
  }
  const common = { period, start, navigate, zone, theme, loading }
  const figure = (id, name, write, lower) => html`<${Figure} key=${id} id=${id} name=${name} number=${of(numbers.now, id)} before=${of(numbers.before, id)} write=${write} lower=${lower} />`
  const missing = html`<${Missing} start=${start} missing=${asked.missing} onDone=${reload} />`
  return html`
    <${Status} failure=${failure} at=${at} loading=${loading} again=${again} zone=${zone} />
    <div class=${current ? '' : 'fading'}>
      ${asked.isNone && missing}
      <ul class="figures" aria-label="Figures" aria-busy=${!current}>
        ${figure('rate', 'Events a second', kinds.rate)}
        ${figure('events', 'Events', compact)}
        ${metrics.errors && html`${figure('errors', 'Errors', compact, true)}${figure('error-share', 'Error share', percent, true)}`}
        ${value && RANKS.map((rank) => figure(rank, `${value} ${rank}`, writeValue, isTime))}
      </ul>
      <div class="grid charts">
        <div><h2>Events</h2><${Lines} ...${common} answer=${answers.counts} name="Events" step=${asked.step} write=${compact} lines=${[{ name: 'Events', kind: 'main', metric: metrics.events }]} /></div>
        ${metrics.errors && html`<div><h2>Errors, of all events</h2><${Lines} ...${common} answer=${answers.counts} name="Errors" step=${asked.step} write=${percent}
          lines=${[{ name: 'Error share', kind: 'warn', metric: metrics.errors, of: metrics.events }, { name: 'Errors', metric: metrics.errors, write: exact }, { name: 'Events', metric: metrics.events, write: exact }]} /></div>`}
      </div>
      ${value && html`
        <div class="line-head"><h2>${value}</h2>
          ${values.length > 1 && html`<label class="inline"><span class="hidden">Value</span><select value=${value} onChange=${(event) => navigate({ value: event.target.value })}>${values.map((name) => html`<option key=${name}>${name}</option>`)}</select></label>`}
        </div>
        <${Lines} ...${common} answer=${answers.slow} name=${`Percentiles of ${value}`} step=${asked.slowStep} write=${writeValue}
          lines=${[{ name: 'p50', kind: 'low', metric: metrics.p50 }, { name: 'p95', kind: 'main', metric: metrics.p95 }, { name: 'p99', kind: 'second', metric: metrics.p99 }]} />`}
      <div class="grid">
        <${ByPlace} start=${start} asked=${asked} answers=${answers} loading=${loading} navigate=${navigate} route=${route} writeValue=${writeValue} reload=${reload} />
        <${Alerts} answer=${answers.alerts} loading=${loading} start=${start} filtered=${route.filters.length > 0} />
        <${History} answer=${answers.history} loading=${loading} zone=${zone} start=${start} />
        ${!asked.isNone && missing}
      </div>
    </div>`
}

function Figure({ id, name, number, before, write, lower }) {
  return html`<li><div class="figure" data-figure=${id} data-number=${number} data-before=${before}><span class="figure-name">${name}</span><span class="figure-number">${write(number)}</span>
    ${number !== undefined && html`<${Change} now=${number} before=${before} lower=${lower} isShare=${id === 'error-share'} />`}</div></li>`
}

/** `lines` are those of the chart, each with its `metric`, or with its share `of` another. */
function Lines({ answer, name, period, start, navigate, zone, step, theme, loading, write, lines }) {
  const data = answer?.data
  const shown = useMemo(() => {
    const now = Date.now()
    return lines.filter(({ metric }) => data?.metrics[metric]).map((line) => ({
      ...line,
      points: data.metrics[line.metric].map((point, at) => {
        if (data.time_ms[at] > now) return null
        if (!line.of) return point
        const all = data.metrics[line.of][at]
        return all ? point / all : null
      })
    }))
  }, [answer])
  if (answer?.error) return html`<p class="problem tall" role="alert">${answer.error.message}</p>`
  if (!data || !shown.length) return html`<div class="chart tall quiet" aria-busy=${loading}>${loading ? 'Loading…' : 'The site has no answer for this.'}</div>`
  return html`<${Chart} times=${data.time_ms} lines=${shown} zone=${zone} step=${step} ongoing=${period.live} name=${name} site=${start.site} onPick=${pickOf(step, navigate)} theme=${theme} write=${write} when=${pointName(zone, step)} />`
}

/** Events and percentiles of each value of a dimension; the head of a column sorts by it. */
function ByPlace({ start, asked, answers, loading, navigate, route, writeValue, reload }) {
  const { by, dimensions, value, places } = asked
  const rankings = value ? RANKS : []
  const columns = [['events', 'Events'], ...rankings.map((rank) => [rank, `${value} ${rank}`])]
  const [sorted, direction] = (route.tabs.sort ?? '').split('-')
  const column = columns.some(([id]) => id === sorted) || sorted === 'name' ? sorted : 'events'
  const isUp = direction === 'up'
  const unsorted = rowsOf(answers.places, 'events').map((row) => ({
    ...row, name: label(by, row.value), events: row.number, ...Object.fromEntries(rankings.map((rank) => [rank, row[`${value}:${rank}`]]))
  }))
  const order = (a, b) => (column === 'name' ? b.name.localeCompare(a.name) : (b[column] ?? -1) - (a[column] ?? -1)) * (isUp ? -1 : 1)
  // All others are no value to compare.
  const rows = unsorted.sort((a, b) => (a.value === '~other') - (b.value === '~other') || order(a, b))
  const csv = () => save(`${start.site}-${by}`, table([[by, 'events', ...rankings], ...rows.map((row) => [row.value, ...columns.map(([id]) => row[id])])]))
  const most = Math.max(1, ...rows.map((row) => row.number))
  const sort = (id) => navigate(withTab(route, 'sort', `${id}-${id === column ? (isUp ? 'down' : 'up') : id === 'name' ? 'up' : 'down'}`))
  const head = ([id, name]) => html`
    <th key=${id} scope="col" class=${id === 'name' ? '' : 'number'} aria-sort=${id === column ? (isUp ? 'ascending' : 'descending') : undefined}>
      <button class="cell" data-sort=${id} onClick=${() => sort(id)}>${name}<span aria-hidden="true">${id === column ? (isUp ? ' ↑' : ' ↓') : ''}</span></button></th>`
  const tabs = ['event', ...dimensions.filter((name) => !PARTS.includes(name))].map((name) => [name, name])
  return html`
    <${Panel} id="places" title="By" wide csv=${rows.length ? csv : null} tabs=${tabs} tab=${by} onTab=${(by) => navigate({ by })}>
      ${places.none ? html`<p class="quiet fill">${places.none}</p>` : places.missing
        ? html`<${Uncounted} start=${start} cube=${places.missing} onDone=${reload} />`
        : html`<${Answered} answer=${answers.places} loading=${loading} render=${() => html`
          <${Scroll} name=${`Events and percentiles by ${by}`}>
            <table class="plain">
              <thead><tr>${[['name', by], ...columns].map(head)}</tr></thead>
              <tbody>${rows.map((row) => html`
                <tr key=${row.value} data-value=${row.value}>
                  <th scope="row"><span class="fillbar" style=${`--part:${row.value === '~other' ? 0 : (row.number / most).toFixed(4)}`}></span>
                    ${row.value === '~other' ? html`<span class="cell">${row.name}</span>` : html`<button class="cell" aria-pressed=${route.filters.some(([name, given]) => name === by && given === row.value)} onClick=${() => navigate(withFilter(route, by, row.value))}>${row.name}</button>`}</th>
                  <td class="number" data-number=${row.number} title=${exact(row.number)}>${compact(row.number)}</td>
                  ${rankings.map((rank) => html`<td class="number" data-aggregate=${rank} data-number=${row[rank]}>${writeValue(row[rank])}</td>`)}
                </tr>`)}</tbody>
            </table>
          <//>`} />`}
    <//>`
}

function Alerts({ answer, loading, start, filtered }) {
  const csv = answer?.data?.length && (() => save(`${start.site}-rules`, table([['rule', 'metric', 'window', 'op', 'threshold', 'state'], ...answer.data.map((rule) => [rule.name, rule.metric, rule.window, rule.op, rule.threshold, rule.paused ? 'paused' : rule.state])])))
  return html`
    <${Panel} id="alerts" title="Alert rules" csv=${csv || null} note=${filtered && 'Alerts are those of the whole site: the filters do not apply.'}>
      <${Answered} answer=${answer} loading=${loading} empty="No rules yet: the settings of the site make one." render=${(rules) => html`
        <ul class="alerts">${[...rules].sort((a, b) => (b.state === 'firing') - (a.state === 'firing')).map((rule) => html`
          <li key=${rule.name} data-rule=${rule.name} data-state=${rule.state}>
            <span class=${`state ${rule.state}`}>${rule.paused ? 'paused' : rule.state}</span>
            <b>${rule.name}</b> <code>${rule.metric} ${rule.window} ${rule.op} ${rule.threshold}</code></li>`)}
        </ul>`} />
    <//>`
}

function History({ answer, loading, zone, start }) {
  const when = clock(zone, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit' })
  const csv = answer?.data?.length && (() => save(`${start.site}-alerts`, table([['time', 'rule', 'state', 'value', 'threshold'], ...answer.data.map((row) => [row.time, row.rule, row.state, row.value, row.threshold])])))
  return html`
    <${Panel} id="history" title="Alert history" csv=${csv || null}>
      <${Answered} answer=${answer} loading=${loading} empty="No alert has fired yet." render=${(rows) => html`
        <ol class="alerts history">${rows.map((row, at) => html`
          <li key=${at} data-rule=${row.rule} data-state=${row.state}><time>${when(row.time_ms)}</time> <span class=${`state ${row.state}`}>${row.state}</span> <b>${row.rule}</b>
            <span class="quiet">${row.value === null ? NONE : exact(row.value)} ${row.op} ${exact(row.threshold)}</span></li>`)}
        </ol>`} />
    <//>`
}
