//! `ANALYTICS.INFO` of a site, and the section of the module in `INFO`.

use testkit::calendar::{DAY, HOUR, MINUTE};
use testkit::{cmd, Reply, Server};

const FIELDS: [&str; 36] = [
    "site",
    "timezone",
    "strict",
    "undeclared",
    "capacity",
    "ids-capacity",
    "ids",
    "ids-since",
    "ids-forgotten",
    "log",
    "log-age",
    "log-users",
    "events",
    "duplicates",
    "late",
    "ignored-names",
    "first-event",
    "last-event",
    "retention",
    "buckets",
    "dimensions",
    "cubes",
    "values",
    "capacities",
    "forgotten",
    "visits",
    "visitors",
    "visitor-sampling",
    "late-for-visits",
    "returning",
    "returning-since",
    "people",
    "people-sampling",
    "late-for-people",
    "funnels",
    "late-for-funnels",
];

#[test]
fn info_replies_the_settings_and_counts_of_a_site() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    for age in [MINUTE, 2 * HOUR, 3 * DAY, 800 * DAY, 5 * 366 * DAY] {
        cmd!(
            connection,
            "ANALYTICS.TRACK",
            "shop",
            "view",
            "ann",
            "AT",
            now - age,
            "DIM",
            "country",
            "FR",
            "VAL",
            "n",
            1
        )
        .int();
    }
    let id = format!("ANALYTICS.TRACK shop view ann AT {now} ID x");
    connection.pipeline(&[&id, &id, &id]);
    for resp3 in [false, true] {
        if resp3 {
            connection.hello3();
        }
        let info = connection.run("ANALYTICS.INFO shop");
        assert_eq!(matches!(info, Reply::Map(_)), resp3);
        let names: Vec<&str> = info.fields().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, FIELDS);
        assert_eq!(*info.get("site"), "shop");
        assert_eq!(*info.get("timezone"), "UTC");
        assert_eq!(*info.get("strict"), 0);
        assert_eq!(*info.get("capacity"), 1000);
        assert_eq!(*info.get("ids-capacity"), 1_000_000);
        assert_eq!(*info.get("ids"), 1);
        let since = now - info.get("ids-since").int();
        assert!((-MINUTE..15 * MINUTE).contains(&since), "{since}");
        assert_eq!(*info.get("ids-forgotten"), 0);
        assert!(info.get("visits").is_nil());
        assert_eq!(*info.get("visitors"), 0);
        assert_eq!(info.get("visitor-sampling").double(), 1.0);
        assert_eq!(*info.get("late-for-visits"), 0);
        assert!(info.get("returning").is_nil() && info.get("returning-since").is_nil());
        assert_eq!(*info.get("people"), 0);
        assert_eq!(info.get("people-sampling").double(), 1.0);
        assert_eq!(*info.get("late-for-people"), 0);
        assert!(info.get("funnels").array().is_empty());
        assert_eq!(*info.get("late-for-funnels"), 0);
        assert_eq!(*info.get("log"), 0);
        assert_eq!(*info.get("log-users"), 0);
        assert_eq!(*info.get("events"), 5);
        assert_eq!(*info.get("duplicates"), 2);
        assert_eq!(*info.get("late"), 1);
        assert_eq!(*info.get("first-event"), now - 800 * DAY);
        assert_eq!(*info.get("last-event"), now);
        let counts = |granularity: &str| info.get("buckets").get(granularity).int();
        let keys = connection.keys();
        for granularity in ["minute", "hour", "day", "week", "month"] {
            let there = keys
                .iter()
                .filter(|key| key.contains(&format!(":{granularity}:")))
                .count();
            assert_eq!(counts(granularity), there as i64, "{granularity}");
        }
        assert_eq!(
            info.get("dimensions").at(1).texts(),
            ["country", "users", "learned"]
        );
        assert_eq!(info.get("values").at(0).texts(), ["n", "learned"]);
        assert!(info.get("cubes").array().is_empty());
    }
}

#[test]
fn a_site_that_is_not_there_is_an_error() {
    let server = Server::start();
    let mut connection = server.connection();
    let reply = connection.run("ANALYTICS.INFO shop");
    assert!(
        reply.error().starts_with("ERR ") && reply.error().contains("'shop'"),
        "{reply:?}"
    );
    for line in ["ANALYTICS.INFO", "ANALYTICS.INFO shop more"] {
        assert!(connection
            .run(line)
            .error()
            .contains("wrong number of arguments"));
    }
}

#[test]
fn the_module_counts_in_the_servers_own_info() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.pipeline(&[
        "ANALYTICS.TRACK shop view ann ID x",
        "ANALYTICS.TRACK shop view ann ID x AT *",
        "ANALYTICS.MTRACK shop EVENT view ann EVENT view bob EVENT view bob AT 1",
        "ANALYTICS.TRACK shop view ann VAL x y",
        "ANALYTICS.UNIQUE shop 1h",
    ]);
    let field = |name: &str| {
        server
            .connection()
            .info("analytics", &format!("analytics_{name}"))
    };
    // The second may have fallen in another minute.
    assert!(["3", "4"].contains(&field("events_counted").as_str()));
    assert_eq!(field("events_late"), "1");
    assert_eq!(field("commands_refused"), "1");
    assert_eq!(field("sites_created"), "1");
    assert_eq!(field("queries"), "1");
    assert!(!field("version").is_empty());
    assert!(connection
        .info("everything", "analytics_buckets_created")
        .parse::<u64>()
        .is_ok_and(|n| n >= 5));
}
