// A panel: a head with tabs and CSV, and below it rows with bars, or a word on why there are none.
import { html, useState } from './html.js'
import { compact, exact, label, percent } from './format.js'
import { call, sitePath } from './api.js'
import { rowsOf } from './ask.js'

/** The frame of a panel. `tabs` are `[id, name]`, `csv` gives the rows of a file. */
export function Panel({ title, tabs, tab, onTab, csv, wide, note, children, id }) {
  const heading = `panel-${id}`
  const several = tabs && tabs.length > 1
  return html`
    <section class=${`panel${wide ? ' wide' : ''}`} aria-labelledby=${heading} data-panel=${id}>
      <header>
        <h2 id=${heading}>${title}</h2>
        ${several && html`
          <div class="tabs" role="group" aria-label=${`${title}: show`}>
            ${tabs.map(([id, name]) => html`
              <button key=${id} aria-pressed=${id === tab} onClick=${() => onTab(id)}>${name}</button>`)}
          </div>`}
        ${csv && html`<button class="link csv" aria-label=${`${title} as CSV`} onClick=${csv}>CSV</button>`}
      </header>
      ${note && html`<p class="note">${note}</p>`}
      ${children}
    </section>`
}

/** One answer of a panel: its rows, or its state. `render` gets the data. */
export function Answered({ answer, loading, empty, render }) {
  if (!answer) return html`<p class="quiet fill" aria-busy=${loading}>${loading ? 'Loading…' : 'No answer yet.'}</p>`
  if (answer.error) return html`<p class="problem fill" role="alert">${answer.error.message}</p>`
  const isEmpty = Array.isArray(answer.data) && answer.data.length === 0
  if (isEmpty) return html`<p class="quiet fill">${empty ?? 'Nothing in this period.'}</p>`
  return render(answer.data)
}

/**
 * Values with bars. A click filters by the value, another takes the filter away. `extra` is a metric
 * beside the number, `{metric, name, write}`; the heads of both sort by them.
 */
export function Rows({ rows, dimension, write, chosen, onPick, numberName, extra, sorted, onSort }) {
  const most = Math.max(...rows.filter((row) => row.value !== '~other').map((row) => row.number ?? 0), 0)
  const head = (by, name) => html`<button aria-pressed=${sorted === by} title=${`Sort by ${name.toLowerCase()}`} onClick=${() => onSort(by)}>${name}</button>`
  return html`
    <div class=${`rows${extra ? ' with-extra' : ''}`}>
      ${extra
        ? html`<div class="rows-head">${head(extra.metric, extra.name)}${head('', numberName)}</div>`
        : html`<div class="rows-head" aria-hidden="true">${numberName}</div>`}
      <ol>
        ${rows.map((row) => {
          const name = label(dimension, row.value)
          const part = most ? Math.min(1, (row.number ?? 0) / most) : 0
          const isChosen = chosen === row.value
          const inside = html`
            <span class="fillbar" style=${`--part:${row.value === '~other' ? 0 : part.toFixed(4)}`}></span>
            <span class="name">${name}</span>
            <span class="share">${row.share === undefined || row.share === null ? '' : percent(row.share)}</span>
            ${extra && html`<span class="extra" data-extra=${row[extra.metric]}><span class="hidden">${extra.name} </span>${extra.write(row[extra.metric])}</span>`}
            <span class="number" title=${row.bound ? `${exact(row.number)}, at most ${exact(row.bound)} too many` : exact(row.number)}>
              ${row.bound ? '≤ ' : ''}${(write ?? compact)(row.number)}</span>`
          const canPick = onPick && row.value !== '~other' && row.value !== '~start'
          return html`
            <li key=${row.value} data-value=${row.value} data-number=${row.number}>
              ${canPick
                ? html`<button class="row" aria-pressed=${isChosen} title=${isChosen ? 'Remove this filter' : `Show only ${name}`} onClick=${() => onPick(row.value)}>${inside}</button>`
                : html`<div class="row">${inside}</div>`}
            </li>`
        })}
      </ol>
    </div>`
}

const NUMBERS = { users: 'Visitors', visits: 'Visits', events: 'Events' }

/** A panel of the values of one of several dimensions. */
export function Ranking({ id, title, tabs, tab, onTab, ranked, answer, loading, route, start, onPick, by, write, more, renderAbove, extra, beside }) {
  const numberName = NUMBERS[by]
  const name = tabs.find(([known]) => known === tab)?.[1] ?? tab
  const chosen = route.filters.find(([dimension]) => dimension === tab)?.[1]
  const known = new Map(rowsOf(beside, 'visits').map((row) => [row.value, row]))
  const rows = rowsOf(answer, by).map((row) => (extra ? { ...row, [extra.metric]: (beside ? known.get(row.value) : row)?.[extra.metric] ?? null } : row))
  const csv = rows.length && (() => save(`${start.site}-${tab}`, table([[tab, numberName, 'share', ...(extra ? [extra.name] : [])], ...rows.map((row) => [row.value, row.number, row.share, ...(extra ? [row[extra.metric]] : [])])])))
  return html`
    <${Panel} id=${id} title=${title} tabs=${tabs} tab=${tab} onTab=${onTab} csv=${csv || null}>
      ${ranked.none ? html`<p class="quiet fill">${ranked.none}</p>` : ranked.missing
        ? html`<${Declare} start=${start} cube=${ranked.missing} onDone=${more} />`
        : html`<${Answered} answer=${answer} loading=${loading} empty=${route.filters.some(([dimension]) => dimension !== tab) ? 'Nothing under these filters. A cube counts from when it was declared.' : `No ${name.toLowerCase()} in this period.`} render=${() =>
            rows.length
              ? html`${renderAbove?.(rows)}<${Limited} rows=${rows} dimension=${tab} chosen=${chosen} onPick=${onPick && ((value) => onPick(tab, value))} numberName=${numberName} write=${write} extra=${extra} />`
              : html`<p class="quiet fill">Nothing under these filters.</p>`} />`}
    <//>`
}

const FEW = 8

/** The first rows, and all of them on demand. */
export function Limited(props) {
  const [all, setAll] = useState(false)
  const [sorted, setSorted] = useState('')
  const { extra } = props
  const by = extra?.metric === sorted ? sorted : ''
  const rows = by ? [...props.rows].sort((a, b) => (b[by] ?? -1) - (a[by] ?? -1)) : props.rows
  return html`
    <${Rows} ...${props} rows=${all ? rows : rows.slice(0, FEW)} sorted=${by} onSort=${setSorted} />
    ${rows.length > FEW && html`<button class="link more" aria-expanded=${all} onClick=${() => setAll(!all)}>${all ? 'Fewer' : `${rows.length - FEW} more`}</button>`}`
}

// What a filter needs: a cube of its dimensions. The operator declares it by a click; anybody else is
// told what to ask for.
export function Declare({ start, cube, onDone }) {
  const [state, setState] = useState('')
  const declare = async () => {
    setState('asking')
    try {
      await call('PATCH', sitePath(start.site, 'schema'), { cubes: [cube] })
      onDone()
    } catch (failure) {
      setState(failure.message)
    }
  }
  return html`
    <div class="fill declare" data-cube=${cube}>
      <p>These are not counted together yet: the site needs the cube <code>${cube}</code>.</p>
      ${start.operator
        ? html`<button class="button" disabled=${state === 'asking'} onClick=${declare}>Count it from now on</button>`
        : html`<p class="quiet">Its operator declares it: <code>ANALYTICS.ALTER ${start.site} CUBE ${cube}</code></p>`}
      ${state && state !== 'asking' && html`<p class="problem" role="alert">${state}</p>`}
    </div>`
}

// Tables as files of CSV, by RFC 4180.
function cell(value) {
  if (value === null || value === undefined) return ''
  const text = String(value)
  // A spreadsheet takes a text that begins with one of these as a formula.
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

export function table(rows) {
  return rows.map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n'
}

export function save(name, text) {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/csv' }))
  link.download = `${name}.csv`
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}
