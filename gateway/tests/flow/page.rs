//! The page in Chromium, over a demo of two sites whose events an oracle counts one by one.

use crate::clients::{prepared, run};
use crate::gateway::{site, Gateway, ADMIN};
use crate::redis_server::RedisServer;
use analytics_demo::calendar::{Calendar, ZONE};
use analytics_demo::cohorts::Period;
use analytics_demo::oracle::Filter;
use analytics_demo::{api, funnels, load, shop, Cohort, Funnel, Oracle, Plan, Visits};
use serde_json::{json, Value};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs};

/// Where pictures and times are left.
fn artefacts() -> PathBuf {
    let folder = env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
        PathBuf::from,
    );
    folder.join("page")
}

struct Expected<'a> {
    calendar: &'a Calendar,
    oracle: &'a Oracle,
    visits: &'a Visits<'a>,
}

impl Expected<'_> {
    /// The whole days before today, so many, and as many before them.
    fn days(&self, count: u64) -> [(i64, i64); 2] {
        let today = self.calendar.days - 1;
        let at = |day: u64| self.calendar.start(day);
        [
            (at(today - count), at(today)),
            (at(today - 2 * count), at(today - count)),
        ]
    }

    fn web(&self, search: &str, windows: [(i64, i64); 2], filter: Filter) -> Value {
        let views: Vec<(&str, &str)> = [("event", "pageview")]
            .into_iter()
            .chain(filter.iter().copied())
            .collect();
        let figures = |window| {
            let visits = self.visits.totals(window, filter);
            let of_visits = |number: f64| number / visits.visits as f64;
            json!({
                "visits": visits.visits,
                "bounces": of_visits(visits.bounces as f64),
                "duration": of_visits(visits.time),
                "visitors": self.oracle.users(window, filter),
                "new": self.oracle.new_users(window, filter),
                "returning": self.oracle.users(window, filter) - self.oracle.new_users(window, filter),
                "views": self.oracle.events(window, &views),
                "events": self.oracle.events(window, filter),
                "revenue": self.oracle.sum(window, filter, "revenue"),
            })
        };
        let [now, before] = windows;
        let top = |dimension: &str| {
            let rows = self.oracle.top(now, filter, dimension).into_iter();
            rows.take(20)
                .map(|(value, n)| json!([value, n]))
                .collect::<Value>()
        };
        // The users of each value now and before.
        let both = |dimension: &str| {
            let earlier = self.oracle.top(before, filter, dimension);
            let rows = self.oracle.top(now, filter, dimension).into_iter();
            rows.take(20)
                .map(|(value, n)| {
                    let known = earlier.iter().find(|row| row.0 == value);
                    json!([value, n, known.map_or(0, |row| row.1)])
                })
                .collect::<Value>()
        };
        json!({
            "search": search,
            "figures": figures(now),
            "before": figures(before),
            "rows": {"pages": top("page"), "sources": top("source"), "devices": top("device")},
            "changes": {"pages": both("page"), "devices": both("device")},
        })
    }

    /// Entry or exit pages, or sources with their bounce rates; and the steps of a path.
    fn visits(&self, search: &str, window: (i64, i64), panel: &str, dimension: &str) -> Value {
        let rows = self.visits.top(window, dimension).into_iter();
        let rows: Value = rows
            .take(20)
            .map(|(value, totals)| {
                let share = totals.bounces as f64 / totals.visits as f64;
                json!([value, totals.visits, share])
            })
            .collect();
        let steps = self.visits.steps(window).into_iter();
        let steps: Value = steps
            .filter(|(from, _, _)| *from != "~start")
            .take(20)
            .map(|(from, page, count)| json!([format!("{from} \u{2192} {page}"), count]))
            .collect();
        json!({"search": search, "panel": panel, "dimension": dimension, "rows": rows, "steps": steps})
    }

    /// What leads to a page, and where it leads; how many visits end there.
    fn around(&self, search: &str, window: (i64, i64), page: &str) -> Value {
        let steps = self.visits.steps(window);
        let before = steps.iter().filter(|(_, to, _)| *to == page);
        let after = steps.iter().filter(|(from, _, _)| *from == page);
        let exits = self.visits.top(window, "exit");
        let ends = exits.iter().find(|(exit, _)| exit == page);
        json!({
            "search": search,
            "ends": ends.map_or(0, |(_, totals)| totals.visits),
            "times": after.clone().map(|step| step.2).sum::<u64>(),
            "before": before.take(20).map(|(from, _, n)| json!([from, n])).collect::<Value>(),
            "after": after.take(20).map(|(_, to, n)| json!([to, n])).collect::<Value>(),
        })
    }

    /// How far people get, all of them and those of each device.
    fn funnel(&self, search: &str, window: (i64, i64)) -> Value {
        let funnel = Funnel::of(self.oracle);
        let of = |device| json!([device, funnel.steps_of(window, "device", device)]);
        let values = ["Mobile", "Desktop", "Tablet"].map(of);
        json!({
            "search": search,
            "conditions": funnels::conditions(),
            "steps": funnel.steps(window),
            "values": values,
        })
    }

    /// The cohorts of the last twelve periods, from the first that has anybody.
    fn cohorts(&self, period: Period, until: i64) -> Value {
        let all = Cohort::all(self.oracle, self.calendar, period, until);
        let first = all.len().saturating_sub(12);
        let rows = all.iter().skip(first).skip_while(|row| row.users == 0);
        rows.map(|row| {
            let numbers = [json!(row.start), json!(row.users)].into_iter();
            numbers
                .chain(row.returned.iter().map(|count| json!(count)))
                .collect::<Value>()
        })
        .collect()
    }

    fn operations(&self, search: &str, window: (i64, i64)) -> Value {
        let rank = |rank| self.oracle.percentile(window, &[], "latency", rank);
        json!({
            "search": search,
            "figures": {
                "events": self.oracle.events(window, &[]),
                "errors": self.oracle.events(window, &[("event", "error")]),
                "p50": rank(50.0), "p95": rank(95.0), "p99": rank(99.0),
            },
        })
    }
}

#[test]
fn the_page_shows_what_the_oracle_counts() {
    let Some(browser) = prepared("browser") else {
        return;
    };
    let redis = RedisServer::start();
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("is later");
    let plan = Plan {
        seed: 20,
        until: since.as_millis() as i64,
        days: 60,
        scale: 0.12,
    };
    let client = redis::Client::open(redis.url()).expect("is an address");
    let mut connection = client.get_connection().expect("connects");
    load::load(&mut connection, &plan, |_, _| ()).expect("is loaded");
    let (key, _) = site(
        &redis,
        shop::SITE,
        &["--public", "true", "--goal", "purchase"],
    );
    site(&redis, api::SITE, &["--public", "true"]);
    let (_, token) = site(&redis, "closed", &[]);
    let gateway = Gateway::with(&redis, &[("REDIS__RESPONSE_TIMEOUT", "3s")]);

    let calendar = plan.calendar();
    let of_shop = Oracle::of(&plan, shop::SITE);
    let of_api = Oracle::of(&plan, api::SITE);
    let (shop_visits, api_visits) = (Visits::of(&of_shop), Visits::of(&of_api));
    let web = Expected {
        calendar: &calendar,
        oracle: &of_shop,
        visits: &shop_visits,
    };
    let operations = Expected {
        calendar: &calendar,
        oracle: &of_api,
        visits: &api_visits,
    };
    let french: Filter = &[("country", "FR")];
    let ([week, _], [month, _]) = (web.days(7), web.days(28));
    let folder = artefacts();
    let words = json!({
        "url": gateway.url(), "browser": browser, "folder": folder, "redis": redis.process_id(),
        "key": key, "token": token, "operator": ADMIN, "zone": ZONE,
        "checks": [
            web.web("?site=shop", web.days(7), &[]),
            web.web("?site=shop&period=28d", web.days(28), &[]),
            web.web("?site=shop&period=28d&f=country%3DFR", web.days(28), french),
            operations.operations("?site=api&view=operations", week),
        ],
        "visits": [
            web.visits("?site=shop&period=28d&tab-pages=entry", month, "pages", "entry"),
            web.visits("?site=shop&period=28d&tab-pages=exit", month, "pages", "exit"),
            web.visits("?site=shop&period=28d", month, "sources", "source"),
        ],
        "outage": {
            "date": calendar.date(calendar.back(shop::OUTAGE)).to_string(),
            "hours": (shop::OUTAGE_HOURS.0..shop::OUTAGE_HOURS.1).collect::<Vec<_>>(),
        },
        "cohorts": {"week": web.cohorts(Period::Week, plan.until), "month": web.cohorts(Period::Month, plan.until)},
        "funnel": web.funnel("?site=shop&period=28d&tab-funnel-by=device", month),
        "steps": web.around("?site=shop&period=28d&f=page%3D%2Fcart", month, "/cart"),
        "filtered": [
            web.web("?site=shop&period=28d", web.days(28), &[]),
            web.web("", web.days(28), french),
        ],
    });
    fs::create_dir_all(&folder).expect("a folder can be made");
    let file = folder.join("plan.json");
    fs::write(&file, words.to_string()).expect("is written");
    run("node", "dashboard.mjs", &[&file.to_string_lossy()]);
}
