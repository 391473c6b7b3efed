// Writes gateway/page/world.json: the outlines of countries by their two letters, from Natural Earth's
// map 1:110m, which is in the public domain, as the package world-atlas has it. Needs
// scripts/page-scripts once.
//
//   node scripts/page-map.mjs
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'

const page = new URL('../gateway/page/', import.meta.url)
const require = createRequire(new URL('package.json', page))
const { feature } = require('topojson-client')
const atlas = JSON.parse(await readFile(require.resolve('world-atlas/countries-110m.json')))

// Names of the atlas that Intl writes in another way.
const OTHERS = {
  'W. Sahara': 'EH', 'United States of America': 'US', 'Dem. Rep. Congo': 'CD', 'Dominican Rep.': 'DO', 'Falkland Is.': 'FK',
  'Fr. S. Antarctic Lands': 'TF', "Côte d'Ivoire": 'CI', 'Central African Rep.': 'CF', Congo: 'CG', 'Eq. Guinea': 'GQ',
  eSwatini: 'SZ', Palestine: 'PS', Myanmar: 'MM', 'Solomon Is.': 'SB', Czechia: 'CZ', 'Bosnia and Herz.': 'BA',
  Macedonia: 'MK', 'Trinidad and Tobago': 'TT', 'S. Sudan': 'SS', Turkey: 'TR', Kosovo: 'XK', 'N. Cyprus': null, Somaliland: null
}
const names = new Intl.DisplayNames(['en'], { type: 'region' })
const codes = new Map()
const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ']
for (const a of letters) for (const b of letters) {
  const name = names.of(a + b)
  // A code that is no longer used has the name of the one that took its place.
  if (name !== a + b && !codes.has(name)) codes.set(name, a + b)
}
for (const [name, code] of [['Germany', 'DE'], ['France', 'FR'], ['United Kingdom', 'GB'], ['Russia', 'RU'], ['Yemen', 'YE'], ['Serbia', 'RS'], ['Vietnam', 'VN'], ['Benin', 'BJ'], ['Burkina Faso', 'BF'], ['Zimbabwe', 'ZW'], ['Vanuatu', 'VU'], ['Timor-Leste', 'TL'], ['Panama', 'PA'], ['Venezuela', 'VE']]) codes.set(name, code)

const WIDTH = 720
const [SOUTH, NORTH] = [-57, 84]
/** Equal Earth would be kinder to areas; this is the plain projection, in whole points. */
const x = (longitude) => Math.round(((longitude + 180) / 360) * WIDTH)
const y = (latitude) => Math.round(((NORTH - latitude) / 360) * WIDTH * 1.15)

const paths = {}
const unknown = []
for (const { geometry, properties: { name } } of feature(atlas, atlas.objects.countries).features) {
  if (name === 'Antarctica') continue
  const code = name in OTHERS ? OTHERS[name] : codes.get(name)
  if (!code) {
    if (code === undefined) unknown.push(name)
    continue
  }
  const polygons = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates
  let path = ''
  for (const [ring] of polygons) {
    // A ring that crosses 180 degrees goes on beyond the edge, and is drawn once more at the other.
    let turns = 0
    const points = ring.map(([longitude, latitude], at) => {
      const step = at ? longitude - ring[at - 1][0] : 0
      if (Math.abs(step) > 180) turns -= Math.sign(step)
      return [x(longitude + 360 * turns), y(latitude)]
    })
    const kept = points.filter(([a, b], at) => at === 0 || a !== points[at - 1][0] || b !== points[at - 1][1])
    if (kept.length < 4) continue
    const draw = (shift) => kept.map(([a, b], at) => (at === 0 ? `M${a + shift} ${b}` : `l${a - kept[at - 1][0]} ${b - kept[at - 1][1]}`)).join('') + 'z'
    path += draw(0)
    if (kept.some(([a]) => a > WIDTH)) path += draw(-WIDTH)
    if (kept.some(([a]) => a < 0)) path += draw(WIDTH)
  }
  if (path) paths[code] = (paths[code] ?? '') + path
}
if (unknown.length) throw new Error(`without a code: ${unknown.join(', ')}`)
await writeFile(new URL('world.json', page), JSON.stringify({ box: `0 0 ${WIDTH} ${y(SOUTH)}`, paths }))
