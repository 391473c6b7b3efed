// From page to page: which lead to which, and with a filter by a page what comes before and after it.
import { html } from './html.js'
import { cubeOf, rowsOf, visitsOf } from './ask.js'
import { Answered, Declare, Limited, Panel, save, table } from './panel.js'

const ROWS = 300

/** `{question, tab, page}`, `{missing}` with the cube that it needs, `{none}`, or null without a path. */
export function pathsOf(info, route, window) {
  const path = visitsOf(info)?.path
  if (!path) return null
  const cube = cubeOf(info, ['from', path])
  if (!cube) return { missing: `from,${path}` }
  const others = route.filters.filter(([name]) => name !== path)
  if (others.length) return { none: `Steps are not counted by ${others.map(([name]) => name).join(', ')}.` }
  const of = (dimension, more) => ({ query: 'top', window, dimension, by: 'events', limit: ROWS, ...more })
  const page = route.filters.find(([name]) => name === path)?.[1]
  if (page === undefined) return { path, question: of(cube) }
  const tab = route.tabs.paths === 'after' ? 'after' : 'before'
  const question = tab === 'after' ? of(path, { where: [`from:${page}`] }) : of('from', { where: [`${path}:${page}`] })
  return { path, page, tab, question }
}

/** Rows of steps. Events on the page that one is on already, such as clicks, are no steps. */
function stepsOf(paths, answer) {
  const rows = rowsOf(answer, 'events')
  if (paths.page !== undefined) return rows.filter((row) => row.value !== paths.page)
  const [from, to] = ['value:from', `value:${paths.path}`]
  const steps = rows.filter((row) => row[from] !== '~start' && row[from] !== '~other' && row[from] !== row[to])
  return steps.map((row) => ({ ...row, value: `${row[from]} \u2192 ${row[to]}`, from: row[from], to: row[to] }))
}

export function Paths({ paths, answer, route, start, loading, onPick, onTab, reload }) {
  const all = stepsOf(paths, answer)
  const rows = all.map((row) => ({ ...row, share: null }))
  const tabs = paths.tab && [['before', `Before ${paths.page}`], ['after', 'After it']]
  const csv = () => save(`${start.site}-steps`, table(paths.page === undefined
    ? [['from', 'to', 'events'], ...rows.map((row) => [row.from, row.to, row.number])]
    : [[paths.tab, 'events'], ...rows.map((row) => [row.value, row.number])]))
  const pick = (value) => onPick(paths.path, rows.find((row) => row.value === value)?.to ?? value)
  return html`
    <${Panel} id="paths" title="Steps" tabs=${tabs} tab=${paths.tab} onTab=${onTab} csv=${rows.length ? csv : null}>
      ${paths.missing ? html`<${Declare} start=${start} cube=${paths.missing} onDone=${reload} />`
        : paths.none ? html`<p class="quiet fill">${paths.none}</p>`
          : html`<${Answered} answer=${answer} loading=${loading} render=${() => (rows.length
            ? html`<${Limited} rows=${rows} dimension="from" onPick=${pick} numberName="Events" />`
            : html`<p class="quiet fill">No steps in this period.</p>`)} />`}
    <//>`
}
