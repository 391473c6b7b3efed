//! The limits of lengths and numbers, for what clients send and for what stored values claim.

pub const SITE_NAME: usize = 128;
/// The longest name of an event type, a dimension or a value.
pub const NAME: usize = 128;
pub const DIMENSION_VALUE: usize = 512;
/// The longest user, session or id of an event.
pub const ID: usize = 1_024;

pub const DIMENSIONS_PER_EVENT: usize = 16;
pub const VALUES_PER_EVENT: usize = 16;
pub const DIMENSIONS_PER_SITE: usize = 32;
pub const VALUES_PER_SITE: usize = 32;
pub const CUBES_PER_SITE: usize = 16;
pub const DIMENSIONS_PER_CUBE: usize = 4;
/// The longest name of a cube: its dimensions, and commas between them.
pub const CUBE_NAME: usize = DIMENSIONS_PER_CUBE * (NAME + 1) - 1;
/// The longest value of a cube, each part behind its length.
pub const CELL: usize = DIMENSIONS_PER_CUBE * (DIMENSION_VALUE + 2);
/// The most dimensions that a site may have forgotten.
pub const FORGOTTEN_PER_SITE: usize = 64;
/// Dimensions, cubes and `event`.
pub const BREAKDOWNS_PER_SITE: usize = DIMENSIONS_PER_SITE + CUBES_PER_SITE + 1;
/// The rows that an event is counted in, besides the whole of its site: of its type, its dimensions, the
/// path before, and cubes.
pub const FACETS_PER_EVENT: usize = 2 + DIMENSIONS_PER_EVENT + CUBES_PER_SITE;
/// The same with the row of the whole.
pub const ROWS_PER_EVENT: usize = 1 + FACETS_PER_EVENT;
pub const FUNNELS_PER_SITE: usize = crate::funnel::MOST_FUNNELS;
pub const RULES_PER_SITE: usize = 100;
pub const FEEDS_PER_SITE: usize = 32;
/// The longest metric of a rule or of live metrics, which keep it as text.
pub const METRIC: usize = 1_024;
pub const EVENTS_PER_CALL: usize = 10_000;
/// The streams of which a site keeps where their last replays ended.
pub const REPLAYS_PER_SITE: usize = 16;
/// The largest number that the event log of a site may be set to.
pub const LOG_ENTRIES: u64 = 1_000_000_000;
/// The most numbers of a reply of `RETENTION`.
pub const CELLS_PER_RETENTION: usize = 100_000;
pub const METRICS_PER_QUERY: usize = 64;
/// The most values of a series: its points times its terms.
pub const VALUES_PER_RANGE: usize = 50_000;
/// The most metrics that `TOP` adds to a row.
pub const COLUMNS_PER_TOP: usize = 16;
/// The most rows of a reply of `TOP`.
pub const ROWS_PER_TOP: usize = 10_000;

/// Rows that a bucket keeps of one dimension; the rest is in `~other`.
pub const DIMENSION_CAPACITY: usize = 100_000;

/// The largest number of ids that a site may remember, and the number if it states none.
pub const IDS_PER_SITE: usize = 10_000_000;
pub const USUAL_IDS: usize = 1_000_000;

/// A bucket outlives its site when only the site's key is deleted. A new site of the same name may then
/// add other names to the bucket, up to these limits.
pub const BREAKDOWNS_PER_BUCKET: usize = 128;
pub const VALUES_PER_BUCKET: usize = 128;

/// The most tables of visits of a bucket: those of `entry`, `exit` and the dimensions of `VISITS ... BY`, also
/// of earlier settings.
pub const VISIT_TABLES_PER_BUCKET: usize = 64;
