//! The table of `hostile_module`: commands of ours at their work, and what a hostile module does to them.
//!
//! In a line `$m $h $d $w $M` are the buckets of the time `$t`, from the minute to the month, `$p` that of
//! the minute before, at whose time `$pt` is; `$log` and `$alerts` are the streams of the site, `$v` its
//! visits under way, `$q` its people. `$site` and `$bucket` are what DUMP says of another site and of its minute,
//! `$visited` of one that counts visits, `$peopled` of one that remembers people and has a funnel.

/// A command of ours, and what is there before it.
pub struct Scene {
    pub name: &'static str,
    pub setup: &'static [&'static str],
    pub command: &'static str,
    /// It changes nothing: what it replies is not looked at.
    pub is_read: bool,
}

const fn writes(
    name: &'static str,
    setup: &'static [&'static str],
    command: &'static str,
) -> Scene {
    Scene {
        name,
        setup,
        command,
        is_read: false,
    }
}

const fn reads(name: &'static str, command: &'static str) -> Scene {
    Scene {
        name,
        setup: ONLY_HOURS,
        command,
        is_read: true,
    }
}

/// Every scene has another site, which the hostile module puts over this one.
pub const ALWAYS: &[&str] = &[
    "ANALYTICS.TRACK other view zoe AT $t",
    "ANALYTICS.TRACK other view eve AT $t DIM page /",
    "XADD entries 5-1 event view user zoe time $t",
    "XADD entries 6-1 event view user bob time $pt",
];

/// Words of lines, and the sites whose DUMP they are. Each is made once: the hashes of the users of a site are those
/// of a random seed.
pub const MADE_ONCE: [(&str, &str, &[&str]); 2] = [
    (
        "$visited",
        "visited",
        &["ANALYTICS.CREATE visited RETENTION minute 1d VISITS 30m PATH page BY country VISITORS 50 DIM from NOUSERS"],
    ),
    (
        "$peopled",
        "peopled",
        &[
            "ANALYTICS.CREATE peopled RETENTION minute 1d RETURNING 90d VISITORS 50 VISITS 30m",
            "ANALYTICS.FUNNEL peopled SET buy WITHIN 1h STEP event=view STEP page=/b BY country",
        ],
    ),
];

const SITE: &[&str] = &[
    "ANALYTICS.CREATE shop RETENTION minute 1d",
    "ANALYTICS.TRACK shop view ann AT $pt",
];
const FULL: &[&str] = &[
    "ANALYTICS.CREATE shop RETENTION minute 1d DIM page VAL price",
    "ANALYTICS.MTRACK shop EVENT view ann AT $pt EVENT view bob AT $t DIM page /a VAL price 2.5",
];
/// The keys that expire are over when the command comes, and Redis has not removed them.
const OVER: &[&str] = &[
    "ANALYTICS.CREATE shop RETENTION minute 1d DIM page VAL price",
    "ANALYTICS.MTRACK shop EVENT view ann AT $pt EVENT view bob AT $t DIM page /a VAL price 2.5",
    "PEXPIRE $m 1",
    "PEXPIRE $d 1",
    "PEXPIRE $M 1",
];
const LOGGED: &[&str] = &["ANALYTICS.CREATE shop RETENTION minute 1d LOG 100"];
const LOGGED_OVER: &[&str] = &[
    "ANALYTICS.CREATE shop RETENTION minute 1d LOG 100",
    "ANALYTICS.TRACK shop view ann AT $t",
    "PEXPIRE $m 1",
    "PEXPIRE $w 1",
];
const LOG_OVER: &[&str] = &[
    "ANALYTICS.CREATE shop RETENTION minute 1d LOG 100",
    "ANALYTICS.TRACK shop view ann AT $t",
    "PEXPIRE $log 1",
    "PEXPIRE $h 1",
];
const SITE_OVER: &[&str] = &[
    "ANALYTICS.CREATE shop RETENTION minute 1d",
    "ANALYTICS.TRACK shop view ann AT $t",
    "PEXPIRE shop 1",
];
/// Visits are under way, all of them in one partition.
const VISITED: &[&str] = &[
    "RESTORE shop 0 $visited",
    "ANALYTICS.TRACK shop view ann AT $pt DIM page /a DIM country FR",
    "ANALYTICS.TRACK shop view bob AT $t DIM page /b",
];
/// The same, and the events wait.
const VISITS_WAIT: &[&str] = &[
    "RESTORE shop 0 $visited",
    "ANALYTICS.TRACK shop view ann AT $t DIM page /a DIM country FR",
    "ANALYTICS.TRACK shop view bob AT $t DIM page /b",
    "ANALYTICS.TRACK shop view ann AT $t DIM page /c",
    "ANALYTICS.TRACK shop view bob AT $t DIM page /b PASSIVE",
    "ANALYTICS.TRACK shop view ann AT $t DIM page /d",
];
/// The visits are over when the command comes, and Redis has not removed them.
const VISITS_OVER: &[&str] = &[
    "RESTORE shop 0 $visited",
    "ANALYTICS.TRACK shop view ann AT $pt DIM page /a DIM country FR",
    "PEXPIRE $v 1",
    "PEXPIRE $h 1",
];
/// People are remembered, and attempts under way, all of them in one partition.
const PEOPLED: &[&str] = &[
    "RESTORE shop 0 $peopled",
    "ANALYTICS.TRACK shop view ann AT $old DIM country FR",
    "ANALYTICS.MTRACK shop EVENT view ann AT $pt DIM page /b EVENT view bob AT $t",
];
/// The same, and the events wait.
const PEOPLE_WAIT: &[&str] = &[
    "RESTORE shop 0 $peopled",
    "ANALYTICS.TRACK shop view ann AT $t DIM page /a DIM country FR",
    "ANALYTICS.TRACK shop view bob AT $t DIM page /b",
    "ANALYTICS.TRACK shop view ann AT $t DIM page /b",
    "ANALYTICS.TRACK shop view cat AT $t DIM country FR",
    "ANALYTICS.TRACK shop buy ann AT $t DIM page /b",
];
/// The people are forgotten when the command comes, and Redis has not removed them.
const PEOPLE_OVER: &[&str] = &[
    "RESTORE shop 0 $peopled",
    "ANALYTICS.TRACK shop view ann AT $pt DIM country FR",
    "PEXPIRE $q 1",
    "PEXPIRE $h 1",
];
/// Events wait to be counted.
const WAITING: &[&str] = &[
    "ANALYTICS.CREATE shop RETENTION minute 1d DIM page VAL price",
    "ANALYTICS.TRACK shop view ann AT $t DIM page /a",
    "ANALYTICS.TRACK shop view bob AT $t DIM page /b",
    "ANALYTICS.TRACK shop view cat AT $t DIM page /a VAL price 3",
    "ANALYTICS.TRACK shop view ann AT $t DIM page /b",
    "ANALYTICS.TRACK shop view dan AT $t DIM page /c",
];
const ONLY_HOURS: &[&str] = &[
    "ANALYTICS.CREATE shop RETENTION minute 1d DIM page VAL price",
    "ANALYTICS.TRACK shop view ann AT $t DIM page /a",
    "ANALYTICS.TRACK shop view bob AT $t DIM page /b",
    "ANALYTICS.TRACK shop view cat AT $t DIM page /a VAL price 3",
    "ANALYTICS.TRACK shop view dan AT $pt DIM page /c",
    "ANALYTICS.TRACK shop view dan AT $old DIM page /c",
    "PEXPIRE $p 1",
    "PEXPIRE $d 1",
];

pub const SCENES: &[Scene] = &[
    writes("track-new-site", &[], "ANALYTICS.TRACK shop view ann AT $t"),
    writes(
        "track-new-minute",
        SITE,
        "ANALYTICS.TRACK shop view bob AT $t",
    ),
    writes(
        "track-late-clock",
        SITE,
        "ANALYTICS.TRACK shop view bob DIM page / VAL price 2 ID x",
    ),
    writes(
        "track-expired",
        OVER,
        "ANALYTICS.TRACK shop view cat AT $t DIM page /a VAL price 1 ID y",
    ),
    writes("track-log", LOGGED, "ANALYTICS.TRACK shop view bob AT $t"),
    writes(
        "track-log-buckets-expired",
        LOGGED_OVER,
        "ANALYTICS.TRACK shop view bob AT $t",
    ),
    writes(
        "track-log-expired",
        LOG_OVER,
        "ANALYTICS.TRACK shop view bob AT $t",
    ),
    writes(
        "track-site-expired",
        SITE_OVER,
        "ANALYTICS.TRACK shop view bob AT $t",
    ),
    writes(
        "track-waits",
        WAITING,
        "ANALYTICS.TRACK shop view eve AT $t DIM page /a",
    ),
    writes(
        "track-learns",
        WAITING,
        "ANALYTICS.TRACK shop view eve AT $t DIM colour red",
    ),
    writes(
        "track-elsewhere",
        WAITING,
        "ANALYTICS.TRACK shop view eve AT $old DIM page /a",
    ),
    writes(
        "mtrack-many",
        SITE,
        "ANALYTICS.MTRACK shop EVENT view bob AT $t EVENT view bob AT $pt EVENT view cat AT $old ID a EVENT view cat AT $old ID a",
    ),
    writes(
        "mtrack-expired",
        OVER,
        "ANALYTICS.MTRACK shop EVENT view bob AT $t EVENT view bob AT $pt DIM colour red EVENT view cat AT $old",
    ),
    writes(
        "mtrack-log",
        LOGGED_OVER,
        "ANALYTICS.MTRACK shop EVENT view bob AT $t EVENT view bob AT $pt EVENT view cat AT $old",
    ),
    writes(
        "trackjson",
        OVER,
        "ANALYTICS.TRACKJSON shop [{\"event\":\"view\",\"user_id\":\"bob\",\"timestamp\":$t},{\"event\":\"view\",\"user_id\":\"c\\u0061t\",\"timestamp\":$old}]",
    ),
    writes(
        "visits-begin",
        &["RESTORE shop 0 $visited"],
        "ANALYTICS.TRACK shop view ann AT $t DIM page /a DIM country FR",
    ),
    writes(
        "visits-go-on",
        VISITED,
        "ANALYTICS.MTRACK shop EVENT view ann AT $t DIM page /c EVENT view cat AT $t DIM page /a",
    ),
    writes(
        "visits-wait",
        VISITS_WAIT,
        "ANALYTICS.TRACK shop view ann AT $t DIM page /e",
    ),
    writes(
        "visits-over",
        VISITS_OVER,
        "ANALYTICS.TRACK shop view ann AT $t DIM page /c",
    ),
    writes(
        "visits-others",
        VISITED,
        "ANALYTICS.ALTER shop VISITS off",
    ),
    writes("visits-drop", VISITED, "ANALYTICS.DROP shop"),
    writes(
        "people-begin",
        &["RESTORE shop 0 $peopled"],
        "ANALYTICS.TRACK shop view ann AT $t DIM page /b DIM country FR",
    ),
    writes(
        "people-go-on",
        PEOPLED,
        "ANALYTICS.MTRACK shop EVENT view ann AT $t DIM page /b EVENT view cat AT $t DIM country FR",
    ),
    writes(
        "people-wait",
        PEOPLE_WAIT,
        "ANALYTICS.TRACK shop view dan AT $t DIM page /b",
    ),
    writes(
        "people-over",
        PEOPLE_OVER,
        "ANALYTICS.TRACK shop view ann AT $t DIM page /b",
    ),
    writes(
        "people-seed-new",
        &["RESTORE shop 0 $peopled"],
        "ANALYTICS.SEED shop USER ann 2024-01-01 USER bob 2024-02-01",
    ),
    writes(
        "people-seed",
        PEOPLED,
        "ANALYTICS.SEED shop USER ann 2024-01-01 USER eve 2024-02-01",
    ),
    writes(
        "people-seed-over",
        PEOPLE_OVER,
        "ANALYTICS.SEED shop USER ann 2024-01-01",
    ),
    writes("people-forget", PEOPLED, "ANALYTICS.FORGET shop ann"),
    writes("people-forget-wait", PEOPLE_WAIT, "ANALYTICS.FORGET shop ann"),
    writes("people-forget-over", PEOPLE_OVER, "ANALYTICS.FORGET shop ann"),
    writes(
        "people-funnel-changed",
        PEOPLED,
        "ANALYTICS.FUNNEL shop SET buy WITHIN 2h STEP event=view STEP page=/b",
    ),
    writes("people-funnel-removed", PEOPLED, "ANALYTICS.FUNNEL shop DEL buy"),
    writes("people-off", PEOPLED, "ANALYTICS.ALTER shop RETURNING off"),
    writes("people-drop", PEOPLED, "ANALYTICS.DROP shop"),
    writes(
        "import-new",
        SITE,
        "ANALYTICS.IMPORT shop minute $t users $hll",
    ),
    writes(
        "import-new-site",
        &[],
        "ANALYTICS.IMPORT shop hour $t users $hll",
    ),
    writes(
        "import-expired",
        OVER,
        "ANALYTICS.IMPORT shop minute $t users $hll page /a",
    ),
    writes(
        "alter-retention",
        OVER,
        "ANALYTICS.ALTER shop RETENTION minute 2d RETENTION day 30d RETENTION month off",
    ),
    writes(
        "alter-off",
        WAITING,
        "ANALYTICS.ALTER shop RETENTION minute off RETENTION week off LOG 10",
    ),
    writes("drop", OVER, "ANALYTICS.DROP shop"),
    writes("drop-log", LOGGED_OVER, "ANALYTICS.DROP shop"),
    writes("drop-log-expired", LOG_OVER, "ANALYTICS.DROP shop"),
    writes("replay-new", SITE, "ANALYTICS.REPLAY shop FROM entries"),
    writes("replay-expired", OVER, "ANALYTICS.REPLAY shop FROM entries"),
    writes("replay-log", LOGGED_OVER, "ANALYTICS.REPLAY shop FROM entries"),
    writes("create", &[], "ANALYTICS.CREATE shop TZ Europe/Paris LOG 10"),
    writes("create-expired", SITE_OVER, "ANALYTICS.CREATE shop"),
    writes(
        "alert-set",
        FULL,
        "ANALYTICS.ALERT shop SET busy events 1h > 5",
    ),
    writes(
        "live-set",
        FULL,
        "ANALYTICS.LIVE shop SET now 10s WINDOW 1m events",
    ),
    writes("del-waiting", WAITING, "DEL shop"),
    writes("rename-waiting", WAITING, "RENAME shop market"),
    writes("set-over-waiting", WAITING, "SET shop text"),
    writes("bucket-del-waiting", WAITING, "DEL $m"),
    writes("copy-waiting", WAITING, "COPY $m copy"),
    writes("expire-waiting", WAITING, "PEXPIREAT $m 4102444800000"),
    writes("restore-waiting", WAITING, "RESTORE $m 0 $bucket REPLACE"),
    reads("get", "ANALYTICS.GET shop 1d events users price:p95 events@page=/a"),
    reads("range", "ANALYTICS.RANGE shop 2h 5m events users"),
    reads("unique", "ANALYTICS.UNIQUE shop 30d"),
    reads("top", "ANALYTICS.TOP shop 2d page BY users"),
    reads("compare", "ANALYTICS.COMPARE shop 1h events users"),
    reads("dashboard", "ANALYTICS.DASHBOARD shop"),
    reads("explain", "ANALYTICS.EXPLAIN shop 7d"),
    reads("info", "ANALYTICS.INFO shop"),
    reads("export", "ANALYTICS.EXPORT shop day $t users"),
    reads("dump", "DUMP $h"),
];

/// What the hostile module does.
pub struct Deed {
    pub line: &'static str,
    /// Which keys it takes away, or puts others over: `*` is all of them, `shop` what is the site's.
    pub removes: &'static [&'static str],
}

const fn deed(line: &'static str, removes: &'static [&'static str]) -> Deed {
    Deed { line, removes }
}

const BUCKETS: &[&str] = &["$m", "$h", "$d", "$w", "$M"];

pub const DEEDS: &[Deed] = &[
    deed("DEL shop", &["shop"]),
    deed("DEL $m", &["$m"]),
    deed("DEL $m $h $d $w $M", BUCKETS),
    deed("UNLINK $M", &["$M"]),
    deed("DEL $log", &["$log"]),
    deed("DEL $v", &["$v"]),
    deed("UNLINK $v ; ANALYTICS.TRACK shop view zed AT $t", &["$v"]),
    deed("RENAME $v away", &["$v"]),
    deed("RENAME $v away ; RENAME away $v", &["$v"]),
    deed("PEXPIRE $v -1", &["$v"]),
    deed("PEXPIREAT $v 4102444800000", &[]),
    deed("PERSIST $v", &[]),
    deed("SET $v text", &["$v"]),
    deed("MOVE $v 1", &["$v"]),
    deed("DEL $q", &["$q"]),
    deed("UNLINK $q ; ANALYTICS.TRACK shop view zed AT $t", &["$q"]),
    deed("RENAME $q away", &["$q"]),
    deed("RENAME $q away ; RENAME away $q", &["$q"]),
    deed("PEXPIRE $q -1", &["$q"]),
    deed("PEXPIREAT $q 4102444800000", &[]),
    deed("PERSIST $q", &[]),
    deed("SET $q text", &["$q"]),
    deed("MOVE $q 1", &["$q"]),
    deed("ANALYTICS.FORGET shop ann", &[]),
    deed("ANALYTICS.SEED shop USER zed 2024-01-01", &[]),
    deed("ANALYTICS.FUNNEL shop DEL buy", &[]),
    deed("ANALYTICS.ALTER shop RETURNING off", &["$q"]),
    deed("XADD $log 9999999999999-1 a b", &[]),
    deed("RENAME shop away", &["shop"]),
    deed("RENAME shop away ; RENAME away shop", &["shop"]),
    deed("RENAME other shop", &["shop", "other"]),
    deed("RENAME $m away ; RENAME away $m", &["$m"]),
    deed("RENAME $p $m", &["$m", "$p"]),
    deed("RENAME $log away", &["$log"]),
    deed("PEXPIRE shop -1", &["shop"]),
    deed("PEXPIRE $h -1", &["$h"]),
    deed("PEXPIREAT $m 4102444800000", &[]),
    deed("PEXPIREAT shop 4102444800000", &[]),
    deed("PERSIST $m ; PERSIST $M ; PERSIST $log", &[]),
    deed("MOVE shop 1", &["shop"]),
    deed("MOVE $h 1", &["$h"]),
    deed("COPY shop copy ; COPY $m $w REPLACE", &["$w"]),
    deed("SWAPDB 0 1", &["*"]),
    deed("SWAPDB 0 1 ; SWAPDB 0 1", &["*"]),
    deed("FLUSHDB ASYNC", &["*"]),
    deed("FLUSHDB SYNC", &["*"]),
    deed("FLUSHALL ASYNC", &["*"]),
    deed("FLUSHALL SYNC", &["*"]),
    deed("SET shop text", &["shop"]),
    deed("SET $m text", &["$m"]),
    deed("SET $log text", &["$log"]),
    deed("RESTORE shop 0 $site REPLACE", &["shop"]),
    deed("RESTORE $m 0 $bucket REPLACE", &["$m"]),
    deed("RESTORE $m 1 $bucket REPLACE", &["$m"]),
    deed("ANALYTICS.TRACK shop view zed AT $t", &[]),
    deed("ANALYTICS.TRACK shop buy zed AT $old DIM shape round", &[]),
    deed("DEL shop ; ANALYTICS.TRACK shop view zed AT $t", &["shop"]),
    deed(
        "ANALYTICS.MTRACK shop EVENT view zed AT $t EVENT view zed AT $pt",
        &[],
    ),
    deed(
        "ANALYTICS.TRACKJSON shop {\"event\":\"view\",\"user_id\":\"z\\u0065d\",\"timestamp\":$t}",
        &[],
    ),
    deed("ANALYTICS.TRACK other view zed AT $t", &[]),
    deed("ANALYTICS.ALTER shop RETENTION minute 2h DIM size", &[]),
    deed("ANALYTICS.ALTER shop RETENTION day off", &["$d"]),
    deed("ANALYTICS.ALTER shop LOG off", &[]),
    deed("ANALYTICS.ALTER shop LOG 50 CAPACITY 5", &[]),
    deed("ANALYTICS.IMPORT shop minute $t users $hll", &[]),
    deed("ANALYTICS.DROP shop", &["*"]),
    deed("ANALYTICS.REPLAY shop FROM entries", &[]),
    deed("ANALYTICS.CREATE shop LOG 10", &[]),
    deed(
        "DEL shop ; ANALYTICS.CREATE shop TZ Asia/Kolkata LOG 10",
        &["shop"],
    ),
    deed("ANALYTICS.ALERT shop SET calm events 1h < 5", &[]),
    deed(
        "ANALYTICS.GET shop 1d events users ; ANALYTICS.DASHBOARD shop ; ANALYTICS.TOP shop 1d page ; ANALYTICS.INFO shop ; ANALYTICS.EXPORT shop day $t users",
        &[],
    ),
    deed("DUMP shop ; DUMP $m ; MEMORY USAGE $m ; DEBUG DIGEST", &[]),
];
