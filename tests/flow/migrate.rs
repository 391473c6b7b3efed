//! `scripts/migrate`: the keys of a `PFADD` pipeline come into a site, and every window then says what
//! `PFCOUNT` of the old keys says.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Output};

use testkit::calendar::{at, buckets, floor, DAY, HOUR, MINUTE};
use testkit::{cmd, Arg, Cluster, ClusterClient, Connection, Random, Server, State, Trace};

const GRANULARITIES: [&str; 5] = ["minute", "hour", "day", "week", "month"];

fn migrate(from: &Server, to: &Server, arguments: &str) -> Output {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts/migrate");
    let mut command = Command::new("python3");
    command.arg(script);
    for (option, server) in [("--from", from), ("--to", to)] {
        command.args([option, &format!("redis://127.0.0.1:{}", server.port())]);
    }
    command.args(arguments.split_whitespace());
    command.output().expect("python3 runs")
}

fn output_text(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
    format!("{out}{err}")
}

/// It must end with this code, and print all of this.
#[track_caller]
fn migrated(output: Output, code: i32, parts: &[&str]) {
    let text = output_text(&output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for part in parts {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
}

/// Old keys in the usual pattern, as a pipeline writes them of random events.
struct Pipeline {
    now: i64,
    zone: &'static str,
    keys: BTreeSet<String>,
}

impl Pipeline {
    fn new(now: i64, zone: &'static str) -> Pipeline {
        Pipeline {
            now,
            zone,
            keys: BTreeSet::new(),
        }
    }

    /// The names of its keys are those of buckets, and times of the zone in each.
    fn keys_of(&self, time: i64) -> [String; 5] {
        let local = at(time, self.zone).strftime("%Y-%m-%dT%H:%M").to_string();
        let mut keys = buckets("x", self.zone, time).map(|bucket| bucket.key);
        keys[0] = format!("{{x}}:minute:{local}");
        keys[1] = format!("{{x}}:hour:{}", &local[..13]);
        keys.map(|key| key.replace("{x}", "unique_users"))
    }

    fn add(&mut self, connection: &mut Connection, time: i64, users: &[String]) {
        for (place, key) in self.keys_of(time).into_iter().enumerate() {
            // Its own retention: minutes for two hours, hours for three days.
            if self.now - time > [2 * HOUR, 3 * DAY, i64::MAX, i64::MAX, i64::MAX][place] {
                continue;
            }
            let mut words: Vec<&dyn Arg> = vec![&"PFADD", &key];
            words.extend(users.iter().map(|user| user as &dyn Arg));
            connection.call(&words).int();
            self.keys.insert(key);
        }
    }

    /// Two hundred days of it.
    fn fill(&mut self, connection: &mut Connection) {
        let mut random = Random::new(7);
        for age in 0..1_500 {
            let reach = *random.pick(&[50 * MINUTE, 100 * MINUTE, 2 * DAY, 30 * DAY, 200 * DAY]);
            let time = self.now - random.below(reach as u64) as i64;
            let users: Vec<String> = (0..1 + random.below(40))
                .map(|_| format!("user-{}", random.below(3_000) * (1 + age % 3)))
                .collect();
            self.add(connection, time, &users);
        }
    }

    /// What `PFCOUNT` says of the keys of these times.
    fn count(&self, connection: &mut Connection, place: usize, from: i64, to: i64) -> i64 {
        let step = [MINUTE, HOUR, DAY][place];
        let keys: BTreeSet<String> = (0..)
            .map(|n| from + n * step)
            .take_while(|time| *time < to)
            .map(|time| self.keys_of(time)[place].clone())
            .collect();
        let mut words: Vec<&dyn Arg> = vec![&"PFCOUNT"];
        words.extend(keys.iter().map(|key| key as &dyn Arg));
        connection.call(&words).int()
    }
}

#[track_caller]
fn unique(connection: &mut Connection, window: &str) -> i64 {
    let line = format!("ANALYTICS.UNIQUE shop {window}");
    connection.run(&line).int()
}

#[test]
fn every_window_says_what_pfcount_of_the_old_keys_says() {
    let old = Server::with().without_module().start();
    let new = Server::start();
    let (mut theirs, mut ours) = (old.connection(), new.connection());
    // The last second of a minute of the past: nothing is over while the test runs.
    let now = floor(theirs.now(), MINUTE) - 1;
    let mut pipeline = Pipeline::new(now, "UTC");
    pipeline.fill(&mut theirs);
    let before = State::of(&mut theirs);
    let all = pipeline.keys.len();

    // Dry, it changes nothing.
    let empty = Trace::of(&mut ours);
    migrated(
        migrate(&old, &new, "--site shop --dry-run"),
        0,
        &[
            "would be made",
            &format!("found {all}, imported {all}, skipped 0"),
        ],
    );
    assert_eq!(Trace::of(&mut ours), empty);

    let done = format!("found {all}, imported {all}, skipped 0");
    migrated(migrate(&old, &new, "--site shop"), 0, &[&done, "is made"]);
    State::of(&mut theirs).assert_is(&before, "the old keys");

    let (today, hour) = (floor(now, DAY), floor(now, HOUR));
    for (place, from, to) in [
        (
            0,
            floor(now, MINUTE) - 20 * MINUTE,
            floor(now, MINUTE) + MINUTE,
        ),
        (
            0,
            floor(now, MINUTE) - 40 * MINUTE,
            floor(now, MINUTE) - 10 * MINUTE,
        ),
        (1, hour - 5 * HOUR, hour + HOUR),
        (1, hour - 40 * HOUR, hour - 20 * HOUR),
        (2, today - 3 * DAY, today + DAY),
        (2, today - 30 * DAY, today + DAY),
        (2, today - 170 * DAY, today - 17 * DAY),
        (2, today - 201 * DAY, today + DAY),
    ] {
        let window = format!("{from}..{to}");
        let expected = pipeline.count(&mut theirs, place, from, to);
        assert!(expected > 20, "{window}: {expected}");
        assert_eq!(unique(&mut ours, &window), expected, "{window}");
    }
    for (place, granularity) in GRANULARITIES.iter().enumerate() {
        // The minutes that are left of its two hours may be over.
        for key in pipeline.keys.iter().filter(|key| key.contains(granularity)) {
            let label = key
                .split_once(&format!("{granularity}:"))
                .expect("a label")
                .1;
            let zulu = if place < 2 { "Z" } else { "" };
            let line = format!("ANALYTICS.EXPORT shop {granularity} {label}{zulu}");
            let reply = ours.run(&line);
            if place == 0 && reply.is_error() {
                continue;
            }
            cmd!(theirs, "SET", "new", reply.bytes()).ok();
            let counts = [cmd!(theirs, "PFCOUNT", "new"), cmd!(theirs, "PFCOUNT", key)];
            assert_eq!(counts[0], counts[1].int(), "{key}");
        }
    }
    theirs.run("DEL new").int();

    // Again: nothing is new. After more events: those are.
    let state = Trace::of(&mut ours);
    migrated(
        migrate(&old, &new, "--site shop"),
        0,
        &[&done, "day: ", "0 of them new to the site"],
    );
    assert_eq!(Trace::of(&mut ours), state);
    // One alone may share its register with a user who was there.
    let newcomers: Vec<String> = (0..20).map(|n| format!("newcomer-{n}")).collect();
    pipeline.add(&mut theirs, now - 2 * DAY, &newcomers);
    migrated(
        migrate(&old, &new, "--site shop"),
        0,
        &["1 of them new to the site"],
    );
    assert_ne!(Trace::of(&mut ours), state);
}

#[test]
fn skipped_keys_are_reported_with_the_reason() {
    let server = Server::start();
    let mut connection = server.connection();
    for line in [
        "PFADD unique_users:day:2001-01-01 ann",
        "PFADD unique_users:minute:2001-01-01T10:30 ann",
        "PFADD unique_users:minute:2001-01-02T10:30 ann",
        "PFADD unique_users:day:2024-13 ann",
        "PFADD unique_users:day:2024-02-31 ann",
        "PFADD unique_users:day:9999-01-01 ann",
        "SET unique_users:month:2024-12 text",
        "RPUSH unique_users:month:2024-11 list",
        "PFADD unique_users:year:2024 ann",
        "PFADD other:day:2024-12-11 ann",
    ] {
        connection.run(line);
    }
    let yesterday = at(connection.now() - DAY, "UTC")
        .strftime("%Y-%m-%d")
        .to_string();
    let (day, hyll) = (
        format!("unique_users:day:{yesterday}"),
        b"HYLL\x01___________\x80".to_vec(),
    );
    cmd!(connection, "SET", day, hyll).ok();
    migrated(
        migrate(&server, &server, "--site shop"),
        1,
        &[
            "day: 5 found, 0 imported",
            "skipped 2: minute ... has expired: this site keeps minutes for 1h",
            "skipped 1: day ... has expired",
            "its time is not that of a day (such as unique_users:day:2024-13)",
            "time '...' is not now",
            "in the future",
            "it is no HyperLogLog (such as unique_users:month:2024-12)",
            "it is no string (such as unique_users:month:2024-11)",
            "hll is not a Redis HyperLogLog: hyperloglog opcodes",
        ],
    );
    assert_eq!(*connection.run("ANALYTICS.INFO shop").get("events"), 0);
    // What is over is no failure.
    connection.run("FLUSHALL").ok();
    connection
        .run("PFADD unique_users:day:2001-01-01 ann")
        .int();
    migrated(
        migrate(&server, &server, "--site shop"),
        0,
        &["has expired"],
    );
    connection.run("FLUSHALL").ok();
    let parts = ["no key has a name of this pattern"];
    migrated(migrate(&server, &server, "--site shop"), 0, &parts);
}

#[test]
fn contradictory_arguments_are_refused() {
    let server = Server::start();
    let mut connection = server.connection();
    connection.run("SET shop text").ok();
    connection
        .run("PFADD unique_users:day:2024-11-20 ann")
        .int();
    for (arguments, part) in [
        ("", "--site"),
        ("--site shop", "WRONGTYPE"),
        ("--site a --pattern uu:{granularity}", "no {time}"),
        ("--site a --pattern uu:{time}", "--granularity"),
        ("--site a --granularity day", "--granularity"),
        ("--site a --dimension country", "{value}"),
        ("--site a --pattern {granularity}:{time}:{time}", "twice"),
        ("--site a --zone Mars/Base", "Mars/Base"),
        ("--site a --from http://x", "http://x"),
        ("--site a --to 127.0.0.1:1", "no connection to 127.0.0.1:1"),
        ("--site {a}", "its buckets would be those"),
    ] {
        migrated(migrate(&server, &server, arguments), 2, &["error: ", part]);
    }
    assert_eq!(connection.keys(), ["shop", "unique_users:day:2024-11-20"]);
}

#[test]
fn patterns_name_sites_granularities_times_and_values() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    let day = at(now - 3 * DAY, "UTC");
    let (dashes, bare) = (
        day.strftime("%Y-%m-%d").to_string(),
        day.strftime("%Y%m%d").to_string(),
    );
    let week = day.strftime("%G-W%V").to_string();
    let month = day.strftime("%Y-%m").to_string();
    let hour = at(now - 2 * HOUR, "UTC").strftime("%Y%m%d-%H").to_string();
    for (key, users) in [
        (format!("uu:day:{dashes}:FR"), "ann bob"),
        (format!("uu:day:{dashes}:a:b*c"), "cleo"),
        (format!("a.[x]*.{bare}.uu"), "ann bob cleo"),
        (format!("b.[x]*.{bare}.uu"), "dora"),
        (format!("c.?x]*.{bare}.uu"), "eve"),
        (format!("visits/hour/{hour}"), "s1 s2 s3 s4"),
        (format!("visits/week/{week}"), "s1 s2 s3 s4 s5"),
        // The week may be one of two months, which do not learn of it then.
        (format!("visits/month/{month}"), "s1 s2 s3 s4 s5"),
    ] {
        connection.run(&format!("PFADD {key} {users}")).int();
    }
    let run =
        |arguments: &str, found: &str| migrated(migrate(&server, &server, arguments), 0, &[found]);
    run(
        "--site shop --pattern uu:{granularity}:{time}:{value} --dimension page",
        "day: 2 found, 2 imported",
    );
    run(
        "--pattern {site}.[x]*.{time}.uu --granularity day",
        "day: 2 found, 2 imported",
    );
    run(
        "--pattern {site}.[x]*.{time}.uu --granularity day --site a",
        "day: 1 found, 1 imported",
    );
    run(
        "--site shop --pattern visits/{granularity}/{time} --subject sessions",
        "week: 1 found, 1 imported",
    );
    for (site, metric, expected) in [
        ("shop", "users@page=FR", 2),
        ("shop", "users@page=a:b*c", 1),
        ("shop", "users", 3),
        ("shop", "sessions", 5),
        ("a", "users", 3),
        ("b", "users", 1),
        ("c", "users", 0),
    ] {
        let reply = connection.run(&format!("ANALYTICS.GET {site} 365d {metric}"));
        assert_eq!(reply.ints(), [expected], "{site} {metric}");
    }
    let hour = floor(now - 2 * HOUR, HOUR);
    let line = format!("ANALYTICS.GET shop {hour}..{} sessions", hour + HOUR);
    assert_eq!(connection.run(&line).ints(), [4]);
}

#[test]
fn names_in_a_zone_are_read_in_it() {
    let server = Server::start();
    let mut connection = server.connection();
    let now = connection.now();
    for (zone, hours) in [("America/New_York", true), ("Asia/Kolkata", false)] {
        connection.run("FLUSHALL").ok();
        let mut pipeline = Pipeline::new(now, zone);
        let users = ["ann", "bob"].map(str::to_owned);
        let time = now - 30 * MINUTE;
        pipeline.add(&mut connection, time, &users);
        let arguments = format!("--site shop --zone {zone}");
        let part = match hours {
            true => "hour: 1 found, 1 imported",
            false => "an hour of Asia/Kolkata is none of UTC",
        };
        migrated(
            migrate(&server, &server, &arguments),
            i32::from(!hours),
            &[part, "is made, with days of"],
        );
        let mut keys: Vec<String> = buckets("shop", zone, time).map(|it| it.key).into();
        keys.extend(pipeline.keys.iter().cloned());
        keys.push("shop".to_owned());
        keys.sort();
        // The hour of Kolkata comes from its minute.
        assert_eq!(connection.keys(), keys);
        let timezone = connection.run("ANALYTICS.INFO shop");
        assert_eq!(*timezone.get("timezone"), zone);
        let reply = migrate(
            &server,
            &server,
            "--site shop --pattern {granularity}:{time}",
        );
        migrated(reply, 0, &["no key"]);
    }
    // A site of another zone has other days.
    connection.run("FLUSHALL").ok();
    connection.run("ANALYTICS.CREATE shop TZ Europe/Paris").ok();
    connection
        .run("PFADD unique_users:day:2024-11-20 ann")
        .int();
    // Where clocks go back an hour comes twice, and where they go forward it never comes.
    connection
        .run("PFADD unique_users:hour:2024-10-27T02 ann")
        .int();
    connection
        .run("PFADD unique_users:hour:2024-03-31T02 ann")
        .int();
    let parts = ["a day of UTC is none of the site, whose zone is Europe/Paris"];
    migrated(migrate(&server, &server, "--site shop"), 1, &parts);
    let parts = ["comes twice or never in Europe/Paris", "skipped 2"];
    migrated(
        migrate(&server, &server, "--site shop --zone Europe/Paris"),
        1,
        &parts,
    );
}

#[test]
fn a_cluster_is_walked_node_by_node_and_followed_to_the_site() {
    let cluster = Cluster::of_masters(3);
    let mut client = ClusterClient::new(&cluster);
    let time = client_time(&cluster);
    let day = |age: i64| at(time - age * DAY, "UTC").strftime("%Y-%m-%d").to_string();
    for site in ["one", "two", "three", "four"] {
        for age in 1..9 {
            let key = format!("uu:{site}:day:{}", day(age));
            let words: [&dyn Arg; 4] = [&"PFADD", &key, &format!("user-{age}"), &"everyday"];
            client.call(&key, &words);
        }
    }
    let holds = |place: usize| !cluster.connection(place).keys().is_empty();
    assert!((0..3).all(holds), "every node has keys");
    let any = &cluster.nodes[1];
    let arguments = "--pattern uu:{site}:{granularity}:{time}";
    let parts = ["day: 32 found, 32 imported, 32 of them new"];
    migrated(migrate(any, any, arguments), 0, &parts);
    for site in ["one", "two", "three", "four"] {
        let words: [&dyn Arg; 3] = [&"ANALYTICS.UNIQUE", &site, &"30d"];
        assert_eq!(client.call(site, &words), 9);
    }
    let parts = ["32 imported, 0 of them new"];
    migrated(migrate(any, &cluster.nodes[2], arguments), 0, &parts);
}

fn client_time(cluster: &Cluster) -> i64 {
    cluster.connection(0).now()
}

#[test]
fn users_and_passwords_are_given_in_the_url() {
    let server = Server::start();
    let mut connection = server.connection();
    let month = at(connection.now(), "UTC").strftime("%Y-%m").to_string();
    connection
        .run(&format!("PFADD unique_users:month:{month} ann"))
        .int();
    connection.run("ACL SETUSER mover on >p@ss ~* +@all").ok();
    connection.run("ACL SETUSER default off").ok();
    let refused = migrate(&server, &server, "--site shop");
    migrated(refused, 2, &["error: ", "NOAUTH"]);
    let url = format!("redis://mover:p%40ss@127.0.0.1:{}/0", server.port());
    let arguments = format!("--site shop --from {url} --to {url}");
    migrated(
        migrate(&server, &server, &arguments),
        0,
        &["month: 1 found, 1 imported"],
    );
}
