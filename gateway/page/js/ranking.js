// Values of a dimension with bars: the first of them, in the order of one of their columns.
import { html, useState } from './html.js'
import { compact, exact, label, percent, NONE } from './format.js'
import { rowsOf } from './ask.js'
import { Answered, Panel, save, table } from './panel.js'
import { Uncounted } from './uncounted.js'

/**
 * A click on a row filters by the value, another takes the filter away. `columns` stand beside the number,
 * `{id, name, write, title}`; the heads sort by them. A `fixed` row is no value to filter by.
 */
function Rows({ rows, dimension, chosen, onPick, numberName, columns, sorted, onSort }) {
  const most = Math.max(...rows.filter((row) => row.value !== '~other').map((row) => row.number ?? 0), 0)
  const head = (id, name) => html`<button key=${id} class=${id} aria-pressed=${sorted.by === id} title=${`Sort by ${name.toLowerCase()}`} onClick=${() => onSort(id)}>${name}${sorted.by === id && (sorted.up ? ' ↑' : ' ↓')}</button>`
  return html`
    <div class=${`rows with-${columns.length}`}>
      ${columns.length
        ? html`<div class="rows-head">${columns.map(({ id, name }) => head(id, name))}${head('number', numberName)}</div>`
        : html`<div class="rows-head" aria-hidden="true">${numberName}</div>`}
      <ol>
        ${rows.map((row) => {
          const name = row.name ?? label(dimension, row.value)
          const part = most ? Math.min(1, (row.number ?? 0) / most) : 0
          const isChosen = chosen === row.value
          const inside = html`
            <span class="fillbar" style=${`--part:${row.value === '~other' ? 0 : part.toFixed(4)}`}></span>
            <span class="name">${name}</span>
            <span class="share">${row.share === undefined || row.share === null ? '' : percent(row.share)}</span>
            ${columns.map(({ id, name, write, title }) => html`<span key=${id} class=${id} data-extra=${row[id]} title=${title?.(row)}><span class="hidden">${name} </span>${write(row[id])}</span>`)}
            <span class="number" title=${row.bound ? `${exact(row.number)}, at most ${exact(row.bound)} too many` : exact(row.number)}>
              ${row.bound ? '≤ ' : ''}${compact(row.number)}</span>`
          return html`
            <li key=${row.value} data-value=${row.value} data-number=${row.number}>
              ${onPick && !row.fixed && row.value !== '~other' && row.value !== '~start'
                ? html`<button class="row" aria-pressed=${isChosen} title=${isChosen ? 'Remove this filter' : `Show only ${name}`} onClick=${() => onPick(row.value)}>${inside}</button>`
                : html`<div class="row">${inside}</div>`}
            </li>`
        })}
      </ol>
    </div>`
}

const FEW = 8

/** The first rows and that of all others, and all rows on demand. */
export function Limited({ rows, columns = [], ...more }) {
  const [all, setAll] = useState(false)
  const [sorted, setSorted] = useState({ by: 'number', up: false })
  const onSort = (by) => setSorted({ by, up: sorted.by === by && !sorted.up })
  const by = columns.some(({ id }) => id === sorted.by) ? sorted.by : 'number'
  const down = by === 'number' ? rows : [...rows].sort((a, b) => (b[by] ?? -Infinity) - (a[by] ?? -Infinity))
  const ordered = sorted.up ? [...down].reverse() : down
  const others = ordered.filter((row) => row.value === '~other')
  const values = [...ordered.filter((row) => row.value !== '~other'), ...others]
  const isLong = rows.length > FEW + 1 + others.length
  const shown = all || !isLong ? values : [...values.slice(0, FEW), ...others]
  return html`
    <${Rows} ...${more} rows=${shown} columns=${columns} sorted=${{ by, up: sorted.up }} onSort=${onSort} />
    ${isLong && html`<button class="link more" aria-expanded=${all} onClick=${() => setAll(!all)}>${all ? 'Fewer' : `${rows.length - shown.length} more`}</button>`}`
}

const NUMBERS = { users: 'Visitors', visits: 'Visits', events: 'Events' }

const signed = (number) => (number === null || number === undefined ? NONE : `${number > 0 ? '+' : number < 0 ? '−' : ''}${compact(Math.abs(number))}`)
/** How many more than before. */
const GAIN = {
  id: 'gain', name: 'Change', write: signed,
  title: ({ gain, number }) => (gain === null || gain === undefined ? '' : `${exact(number - gain)} before${number === gain ? '' : `: ${percent(gain / (number - gain))}`}`)
}

/** Rows with `gain`, where it is known how many there were before. What was not there may be among all others. */
function gained(rows, answer, by) {
  const earlier = rowsOf(answer, by)
  const known = new Map(earlier.map((row) => [row.value, row]))
  const none = answer?.data && !known.has('~other') ? 0 : null
  return rows.map((row) => {
    const before = known.get(row.value)
    const number = before ? before.number : none
    return { ...row, gain: number === null || row.bound || before?.bound || row.value === '~other' ? null : row.number - number }
  })
}

/**
 * A panel of the values of one of several dimensions. `extra` is a metric beside the number, `{id, metric,
 * name, write}`, of the rows themselves or of those `beside`; `before` are the rows of the period before.
 */
export function Ranking({ id, title, tabs, tab, onTab, ranked, answer, loading, route, start, onPick, by, more, renderAbove, extra, beside, before }) {
  const numberName = NUMBERS[by]
  const name = tabs.find(([known]) => known === tab)?.[1] ?? tab
  const chosen = route.filters.find(([dimension]) => dimension === tab)?.[1]
  const known = new Map(rowsOf(beside, 'visits').map((row) => [row.value, row]))
  const plain = rowsOf(answer, by).map((row) => (extra ? { ...row, [extra.id]: (beside ? known.get(row.value) : row)?.[extra.metric] ?? null } : row))
  const rows = before ? gained(plain, before, by) : plain
  const columns = [...(extra ? [extra] : []), ...(before ? [GAIN] : [])]
  const csv = rows.length && (() => save(`${start.site}-${tab}`, table([[tab, numberName, 'share', ...columns.map((column) => column.name)], ...rows.map((row) => [row.value, row.number, row.share, ...columns.map((column) => row[column.id])])])))
  return html`
    <${Panel} id=${id} title=${title} tabs=${tabs} tab=${tab} onTab=${onTab} csv=${csv || null}>
      ${ranked.none ? html`<p class="quiet fill">${ranked.none}</p>` : ranked.missing
        ? html`<${Uncounted} start=${start} cube=${ranked.missing} onDone=${more} />`
        : html`<${Answered} answer=${answer} loading=${loading} empty=${route.filters.some(([dimension]) => dimension !== tab) ? 'Nothing under these filters. A cube counts from when it was declared.' : `No ${name.toLowerCase()} in this period.`} render=${() => html`
            ${renderAbove?.(rows)}<${Limited} rows=${rows} dimension=${tab} chosen=${chosen} onPick=${onPick && ((value) => onPick(tab, value))} numberName=${numberName} columns=${columns} />`} />`}
    <//>`
}
