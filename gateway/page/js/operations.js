// The operations view: how many events and errors, how slow, where; and what the alerts say.
import { html, useEffect, useMemo } from './html.js'
import { Status, useAnswers, usePaced } from './answers.js'
import { metric, names, numberQuestions, numbersOf, rowsOf, top } from './ask.js'
import { Chart, pickOf } from './chart.js'
import { Change } from './figures.js'
import { clock, compact, exact, kinds, label, milliseconds, percent, pointName, NONE } from './format.js'
import { Answered, Declare, Panel, save, table } from './panel.js'
import { resolve } from './period.js'
import { withFilter } from './route.js'

const RANKS = ['p50', 'p95', 'p99']
const ROWS = 50
/** Names under which services send how long something took, the likeliest first. */
const TIMES = ['latency', 'duration', 'response_time', 'load']
const PLACES = ['endpoint', 'route', 'page', 'event']
const ERROR = 'error'

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
  const missing = metric(info, 'events', filters).missing ?? ofErrors.missing
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
  return { questions, metrics, missing, values, dimensions, value, by, step, slowStep, places }
}

export function Operations(props) {
  if (props.start.info) return html`<${Running} ...${props} />`
  return html`<section class="panel wide welcome"><h2>No events yet</h2><p>Rates, percentiles and alerts of ${props.start.site} are here when it has counted something.</p></section>`
}

function Running({ start, route, navigate, reload, live, theme }) {
  const zone = start.info.timezone
  const period = useMemo(() => resolve(route, zone, Date.now()), [route.period, route.compare, route.from, route.to, zone, live.day])
  const asked = useMemo(() => plan(start, route, period), [start, route, period])
  const { metrics, values, dimensions, value, by } = asked
  const { answers, loading, failure, at, current, again } = useAnswers(start.site, asked.questions)
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
  const figure = (id, name, write, lower) => html`<${Figure} key=${id} id=${id} name=${name} number=${of(numbers.now, id)} before=${of(numbers.before, id)} write=${write} lower=${lower} />`
  return html`
    <${Status} failure=${failure} at=${at} loading=${loading} again=${again} zone=${zone} />
    <div class=${current ? '' : 'fading'}>
      ${asked.missing && html`<section class="panel wide"><${Declare} start=${start} cube=${asked.missing} onDone=${reload} /></section>`}
      <ul class="figures" aria-label="Figures" aria-busy=${!current}>
        ${figure('rate', 'Events a second', kinds.rate)}
        ${figure('events', 'Events', compact)}
        ${metrics.errors && html`${figure('errors', 'Errors', compact, true)}${figure('error-share', 'Error share', percent, true)}`}
        ${value && RANKS.map((rank) => figure(rank, `${value} ${rank}`, writeValue, isTime))}
      </ul>
      <${Lines} answer=${answers.counts} name="Events and errors" period=${period} start=${start} onPick=${pickOf(asked.step, navigate)} zone=${zone} step=${asked.step} theme=${theme} loading=${loading} write=${compact}
        lines=${[['Events', 'main', metrics.events], ['Errors', 'warn', metrics.errors]]} />
      ${value && html`
        <div class="line-head"><h2>${value}</h2>
          ${values.length > 1 && html`<label class="inline"><span class="hidden">Value</span><select value=${value} onChange=${(event) => navigate({ value: event.target.value })}>${values.map((name) => html`<option key=${name}>${name}</option>`)}</select></label>`}
        </div>
        <${Lines} answer=${answers.slow} name=${`Percentiles of ${value}`} period=${period} start=${start} onPick=${pickOf(asked.slowStep, navigate)} zone=${zone} step=${asked.slowStep} theme=${theme} loading=${loading} write=${writeValue}
          lines=${[['p50', 'low', metrics.p50], ['p95', 'main', metrics.p95], ['p99', 'second', metrics.p99]]} />`}
      <div class="grid">
        <${ByPlace} start=${start} asked=${asked} answers=${answers} loading=${loading} navigate=${navigate} route=${route} writeValue=${writeValue} reload=${reload} />
        <${Alerts} answer=${answers.alerts} loading=${loading} start=${start} filtered=${route.filters.length > 0} />
        <${History} answer=${answers.history} loading=${loading} zone=${zone} start=${start} />
      </div>
    </div>`
}

function Figure({ id, name, number, before, write, lower }) {
  return html`<li><div class="figure" data-figure=${id} data-number=${number} data-before=${before}><span class="figure-name">${name}</span><span class="figure-number">${write(number)}</span>
    ${number !== undefined && html`<${Change} now=${number} before=${before} lower=${lower} />`}</div></li>`
}

function Lines({ answer, name, period, start, onPick, zone, step, theme, loading, write, lines }) {
  const data = answer?.data
  const shown = useMemo(() => {
    const now = Date.now()
    return lines.filter(([, , metric]) => metric && data?.metrics[metric]).map(([name, kind, metric]) => ({
      name, kind, points: data.metrics[metric].map((point, at) => (data.time_ms[at] > now ? null : point))
    }))
  }, [answer])
  if (answer?.error) return html`<p class="problem tall" role="alert">${answer.error.message}</p>`
  if (!data || !shown.length) return html`<div class="chart tall quiet" aria-busy=${loading}>${loading ? 'Loading…' : 'The site has no answer for this.'}</div>`
  return html`<${Chart} times=${data.time_ms} lines=${shown} zone=${zone} step=${step} ongoing=${period.live} name=${name} site=${start.site} onPick=${onPick} theme=${theme} write=${write} when=${pointName(zone, step)} />`
}

/** Events and percentiles of each value of a dimension. */
function ByPlace({ start, asked, answers, loading, navigate, route, writeValue, reload }) {
  const { by, dimensions, value, places } = asked
  const rankings = value ? RANKS : []
  const rows = rowsOf(answers.places, 'events').filter((row) => row.value !== '~other')
  const csv = () => save(`${start.site}-${by}`, table([[by, 'events', ...rankings], ...rows.map((row) => [row.value, row.number, ...rankings.map((rank) => row[`${value}:${rank}`])])]))
  const most = Math.max(1, ...rows.map((row) => row.number))
  return html`
    <${Panel} id="places" title="By" wide csv=${rows.length ? csv : null} tabs=${['event', ...dimensions.filter((name) => name !== 'event')].map((name) => [name, name])} tab=${by} onTab=${(by) => navigate({ by })}>
      ${places.none ? html`<p class="quiet fill">${places.none}</p>` : places.missing
        ? html`<${Declare} start=${start} cube=${places.missing} onDone=${reload} />`
        : html`<${Answered} answer=${answers.places} loading=${loading} render=${() => html`
          <div class="scroll" tabindex="0" role="region" aria-label=${`Events and percentiles by ${by}`}>
            <table class="plain">
              <thead><tr><th scope="col">${by}</th><th scope="col" class="number">Events</th>${rankings.map((rank) => html`<th scope="col" class="number">${value} ${rank}</th>`)}</tr></thead>
              <tbody>${rows.map((row) => html`
                <tr key=${row.value} data-value=${row.value}>
                  <th scope="row"><span class="fillbar" style=${`--part:${(row.number / most).toFixed(4)}`}></span>
                    <button class="cell" aria-pressed=${route.filters.some(([name, given]) => name === by && given === row.value)} onClick=${() => navigate(withFilter(route, by, row.value))}>${label(by, row.value)}</button></th>
                  <td class="number" data-number=${row.number} title=${exact(row.number)}>${compact(row.number)}</td>
                  ${rankings.map((rank) => html`<td class="number" data-aggregate=${rank} data-number=${row[`${value}:${rank}`]}>${writeValue(row[`${value}:${rank}`])}</td>`)}
                </tr>`)}</tbody>
            </table>
          </div>`} />`}
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
    <${Panel} id="history" title="What they sent" csv=${csv || null}>
      <${Answered} answer=${answer} loading=${loading} empty="No alert has fired yet." render=${(rows) => html`
        <ol class="alerts history">${rows.map((row, at) => html`
          <li key=${at} data-rule=${row.rule} data-state=${row.state}><time>${when(row.time_ms)}</time> <span class=${`state ${row.state}`}>${row.state}</span> <b>${row.rule}</b>
            <span class="quiet">${row.value === null ? NONE : exact(row.value)} ${row.op} ${exact(row.threshold)}</span></li>`)}
        </ol>`} />
    <//>`
}
