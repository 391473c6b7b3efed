// The values of the site: how often, what sum, what average, what percentiles.
import { html } from './html.js'
import { metric, names } from './ask.js'
import { exact, compact } from './format.js'
import { Answered, Panel, Scroll, save, table } from './panel.js'
import { Uncounted } from './uncounted.js'

const AGGREGATES = [['count', 'Count'], ['sum', 'Sum'], ['avg', 'Average'], ['p50', 'p50'], ['p95', 'p95'], ['p99', 'p99']]
/** Of the values that the gateway's script and usual services send. */
const UNITS = { latency: 'ms', duration: 'ms', response_time: 'ms', load: 'ms', engagement: 's', scroll_depth: '%' }
/** So many values fit into the metrics of one question. */
const MOST = 10

function own(info) {
  return names(info, 'values').slice(0, MOST)
}

export function valueMetrics(info, filters) {
  return own(info).flatMap((name) => AGGREGATES.map(([aggregate]) => metric(info, `${name}:${aggregate}`, filters).metric)).filter(Boolean)
}

/** The cube without which values are not there. */
export function missingOf(info, filters) {
  return own(info).length ? metric(info, own(info)[0], filters).missing : ''
}

export function ValuesPanel({ start, answer, filters, loading, reload, currency }) {
  const { info } = start
  const unit = (name) => UNITS[name] ?? (name === 'revenue' ? currency : '')
  const rows = own(info).map((name) => ({
    name, numbers: AGGREGATES.map(([aggregate]) => answer?.data?.metrics[metric(info, `${name}:${aggregate}`, filters).metric] ?? null)
  }))
  const missing = missingOf(info, filters)
  const csv = () => save(`${start.site}-values`, table([['value', ...AGGREGATES.map(([name]) => name)], ...rows.map((row) => [row.name, ...row.numbers])]))
  return html`
    <${Panel} id="values" title="Values" csv=${answer?.data ? csv : null}>
      ${missing ? html`<${Uncounted} start=${start} cube=${missing} onDone=${reload} />` : html`<${Answered} answer=${answer} loading=${loading} render=${() => html`
        <${Scroll} name="Values">
          <table class="plain">
            <thead><tr><th scope="col">Value</th>${AGGREGATES.map(([, name]) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
            <tbody>${rows.map((row) => html`
              <tr key=${row.name} data-value=${row.name}><th scope="row">${row.name}${unit(row.name) && html`<span class="quiet">, ${unit(row.name)}</span>`}</th>
                ${row.numbers.map((number, at) => html`<td class="number" data-aggregate=${AGGREGATES[at][0]} data-number=${number} title=${exact(number)}>${compact(number)}</td>`)}
              </tr>`)}
            </tbody>
          </table>
        <//>`} />`}
    <//>`
}
