// From page to page: which lead to which, and of one page what comes after it and before it.
import { html } from './html.js'
import { cubeOf, metric, rowsOf, visitsOf } from './ask.js'
import { label } from './format.js'
import { Answered, Panel, save, table } from './panel.js'
import { Limited } from './ranking.js'
import { withTab } from './route.js'
import { Uncounted } from './uncounted.js'

const ROWS = 300
/** Pages to choose from. */
const PAGES = 100
const TABS = [['after', 'After'], ['before', 'Before']]

/**
 * `{questions, path, tab, page, ends}`, `{missing}` with the cube that it needs, or null without a path. The page
 * is that of the filter, or the one that is chosen here; without one the steps of all pages are shown.
 */
export function pathsOf(info, route, window) {
  const path = visitsOf(info)?.path
  if (!path) return null
  const cube = cubeOf(info, ['from', path])
  if (!cube) return { missing: `from,${path}` }
  const top = (dimension, limit, where = []) => ({ query: 'top', window, dimension, by: 'events', where, limit })
  const filter = route.filters.find(([name]) => name === path)?.[1]
  const page = filter ?? route.tabs['paths-page'] ?? ''
  const tab = route.tabs.paths === 'before' ? 'before' : 'after'
  const questions = { 'paths-pages': top(path, PAGES) }
  const ends = metric(info, 'visits', [['exit', page]]).metric
  if (!page) questions.paths = top(cube, ROWS)
  else if (tab === 'before') questions.paths = top('from', ROWS, [`${path}:${page}`])
  else {
    questions.paths = top(path, ROWS, [`from:${page}`])
    questions['paths-ends'] = { query: 'get', window, metric: [ends] }
  }
  return { questions, path, tab, page, filter, ends }
}

/** Rows with their shares of all. Events on the page that one is on already, such as clicks, are no steps. */
function stepsOf({ path, tab, page, ends }, answer, numbers) {
  let rows = rowsOf(answer, 'events')
  // Of pairs, all others have steps that are none, too.
  let isWhole = true
  if (page) {
    rows = rows.filter((row) => row.value !== page)
    const left = tab === 'after' && numbers?.data?.metrics[ends]
    if (left) rows.push({ value: '~end', name: 'End of the visit', number: left, fixed: true })
    rows.sort((a, b) => b.number - a.number)
  } else {
    const [from, to] = ['value:from', `value:${path}`]
    isWhole = !rows.some((row) => row[from] === '~other')
    const isStep = (row) => row[from] !== '~start' && row[from] !== '~other' && row[from] !== row[to]
    rows = rows.filter(isStep).map((row) => ({ ...row, value: `${row[from]} \u2192 ${row[to]}`, from: row[from], to: row[to] }))
  }
  const all = rows.reduce((sum, row) => sum + row.number, 0)
  return rows.map((row) => ({ ...row, share: isWhole ? row.number / all : null }))
}

export function Paths({ paths, answers, route, start, loading, navigate, onPick, onTab, reload }) {
  const { path, page, tab, filter, missing } = paths
  const frame = (more, children) => html`<${Panel} id="paths" title="From page to page" ...${more}>${children}<//>`
  if (missing) return frame({}, html`<${Uncounted} start=${start} cube=${missing} onDone=${reload} />`)
  const rows = stepsOf(paths, answers.paths, answers['paths-ends'])
  const csv = () => save(`${start.site}-steps`, table(page
    ? [[tab, 'events', 'share'], ...rows.map((row) => [row.value, row.number, row.share])]
    : [['from', 'to', 'events', 'share'], ...rows.map((row) => [row.from, row.to, row.number, row.share])]))
  const known = (answers['paths-pages']?.data ?? []).map((row) => row.value).filter((value) => value !== '~other')
  const pages = page && !known.includes(page) ? [page, ...known] : known
  const pick = (value) => onPick(path, rows.find((row) => row.value === value)?.to ?? value)
  const others = route.filters.some(([name]) => name !== path)
  return frame({ tabs: page ? TABS : null, tab, onTab, csv: rows.length ? csv : null }, html`
    ${filter === undefined
      ? html`<label class="inline">${page ? (tab === 'after' ? 'After' : 'Before') : 'After'} <select data-control="paths-page" value=${page} onChange=${(event) => navigate(withTab(route, 'paths-page', event.target.value))}>
          <option value="">any page</option>${pages.map((value) => html`<option key=${value} value=${value}>${label(path, value)}</option>`)}</select></label>`
      : html`<p class="inline">${tab === 'after' ? 'After' : 'Before'} ${label(path, page)}</p>`}
    <${Answered} answer=${answers.paths} loading=${loading} render=${() => (rows.length
      ? html`<${Limited} rows=${rows} dimension="from" onPick=${pick} numberName="Times" />`
      : html`<p class="quiet fill">No steps in this period.</p>`)} />
    ${others && html`<p class="note">These are the steps of all visitors: ${filter === undefined ? 'the filters do not apply' : `only the filter by ${path} applies`}.</p>`}`)
}
