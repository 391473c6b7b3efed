// The values of the site: how often, what sum, what average, what percentiles.
import { html } from './html.js'
import { metric, names } from './ask.js'
import { exact, compact } from './format.js'
import { Answered, Declare, Panel, save, table } from './panel.js'

const AGGREGATES = [['count', 'Count'], ['sum', 'Sum'], ['avg', 'Average'], ['p50', 'p50'], ['p95', 'p95'], ['p99', 'p99']]
/** So many values fit into the metrics of one question. */
const MOST = 10

function own(info) {
  return names(info, 'values').slice(0, MOST)
}

export function valueMetrics(info, filters) {
  return own(info).flatMap((name) => AGGREGATES.map(([aggregate]) => metric(info, `${name}:${aggregate}`, filters).metric)).filter(Boolean)
}

export function ValuesPanel({ start, answer, filters, loading, reload }) {
  const { info } = start
  const rows = own(info).map((name) => ({
    name, numbers: AGGREGATES.map(([aggregate]) => answer?.data?.metrics[metric(info, `${name}:${aggregate}`, filters).metric] ?? null)
  }))
  const missing = rows.length ? metric(info, own(info)[0], filters).missing : ''
  const csv = () => save(`${start.site}-values`, table([['value', ...AGGREGATES.map(([name]) => name)], ...rows.map((row) => [row.name, ...row.numbers])]))
  return html`
    <${Panel} id="values" title="Values" csv=${answer?.data ? csv : null}>
      ${missing ? html`<${Declare} start=${start} cube=${missing} onDone=${reload} />` : html`<${Answered} answer=${answer} loading=${loading} render=${() => html`
        <div class="scroll" tabindex="0" role="region" aria-label="Values">
          <table class="plain">
            <thead><tr><th scope="col">Value</th>${AGGREGATES.map(([, name]) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
            <tbody>${rows.map((row) => html`
              <tr key=${row.name} data-value=${row.name}><th scope="row">${row.name}</th>
                ${row.numbers.map((number, at) => html`<td class="number" data-aggregate=${AGGREGATES[at][0]} data-number=${number} title=${exact(number)}>${compact(number)}</td>`)}
              </tr>`)}
            </tbody>
          </table>
        </div>`} />`}
    <//>`
}
