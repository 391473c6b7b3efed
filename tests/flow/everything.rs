//! One life of a server, from its start to an orderly end, with every command of the module and every
//! callback of its types in it. Short, for `make valgrind` lets it run under valgrind.

use testkit::calendar::{DAY, HOUR, MINUTE};
use testkit::sites::fill_site;
use testkit::state::assert_same_data;
use testkit::{cmd, encode, wait_until, Connection, Server, State};

fn write(connection: &mut Connection, now: i64) {
    let old = now - 3 * DAY;
    for line in [
        "ANALYTICS.CREATE shop TZ Europe/Paris RETENTION minute 2h DIM plan NOUSERS CUBE event,country VAL price",
        "ANALYTICS.TRACK shop view ann SESSION s ID x DIM country FR DIM plan pro VAL price -3.25",
        "ANALYTICS.TRACK shop view ann ID x",
        &format!("ANALYTICS.TRACK shop buy bob AT {old} DIM country DE"),
        "ANALYTICS.TRACK shop buy bob AT 5",
        "ANALYTICS.TRACK shop buy bob AT 2024-07-04T10:00",
        "ANALYTICS.MTRACK shop EVENT view ann EVENT view bob DIM country FR ID y EVENT view bob ID y",
        "ANALYTICS.TRACKJSON shop [{\"event\":\"view\",\"user_id\":\"\\u00e9va\",\"properties\":{\"plan\":\"pro\\n\",\"price\":1e-7,\"x\":[{}]}}]",
        "ANALYTICS.CREATE visited VISITS 30m PATH page BY country DIM from CUBE from,page",
        "ANALYTICS.TRACK visited view ann DIM page / DIM country FR",
        "ANALYTICS.TRACK visited view ann DIM page /b SESSION s",
        "ANALYTICS.MTRACK visited EVENT view ann DIM page /b EVENT ping ann PASSIVE",
        "ANALYTICS.ALTER visited CAPACITY 5",
        "ANALYTICS.CREATE known RETURNING 90d CUBE event,country",
        "ANALYTICS.TRACK known view ann DIM country FR",
        "ANALYTICS.MTRACK known EVENT view ann EVENT buy bob DIM country FR AT 2024-07-04T10:00",
        "ANALYTICS.ALTER known RETURNING 60d VISITS 30m",
        "ANALYTICS.TRACK known view cid",
        "ANALYTICS.SEED known SEEN 2024-07-01 USER dora 2024-06-01 USER ann 2024-05-01",
        "ANALYTICS.FORGET known cid",
        "ANALYTICS.FUNNEL visited SET walk WITHIN 1d STEP event=view&page=/ STEP page=/b EXCLUDE event=ping BY country",
        "ANALYTICS.TRACK visited view cleo DIM page / DIM country FR",
        "ANALYTICS.MTRACK visited EVENT view cleo DIM page /b EVENT view dan DIM page /",
        "ANALYTICS.TRACK new view ann",
        "ANALYTICS.ALTER shop RETENTION hour 3d RETENTION week off CAPACITY 5 DIM page",
        "COPY shop store",
        "RENAME store market",
        "ANALYTICS.TRACK market view ann DIM page /",
    ] {
        let reply = connection.run(line);
        assert!(!reply.is_error(), "{line}: {reply:?}");
    }
    // More values than rows, more users than a sparse sketch holds.
    for call in 0..6 {
        let event = |n: i64| {
            let time = now - (n % 30) * MINUTE;
            format!(
                "EVENT view user-{call}-{n} AT {time} DIM page /{} VAL price {n} ID {call}-{n}",
                n % 40
            )
        };
        let events: Vec<String> = (0..500).map(event).collect();
        let line = format!("ANALYTICS.MTRACK shop {}", events.join(" "));
        assert_eq!(connection.run(&line), 500);
    }
}

fn ask(connection: &mut Connection) {
    for line in [
        "ANALYTICS.UNIQUE shop 1h",
        "ANALYTICS.UNIQUE shop this-week country FR",
        "ANALYTICS.GET shop 2d events users sessions events:rate price:sum price:avg price:p95 users@country=FR events@event=view&country=FR",
        "ANALYTICS.RANGE shop 1h 5m events users price:p50 events@page=/1",
        "ANALYTICS.RANGE shop 30d auto events",
        "ANALYTICS.COMPARE shop 1h events users price:max",
        "ANALYTICS.TOP shop 1d page BY users LIMIT 3",
        "ANALYTICS.TOP shop 1d event,country BY events",
        "ANALYTICS.TOP shop 1d plan BY price:sum",
        "ANALYTICS.FUNNEL visited GET walk 1d BY country",
        "ANALYTICS.FUNNEL_RO visited LIST",
        "ANALYTICS.GET visited 1d funnel:walk:share visits bounces:share@entry=/ visit-time:avg visits/users",
        "ANALYTICS.TOP visited 1d exit BY visit-events:avg",
        "ANALYTICS.RANGE visited 1d 1h visits events",
        "ANALYTICS.EXPLAIN visited 1d",
        "ANALYTICS.INFO visited",
        "ANALYTICS.DASHBOARD visited",
        "ANALYTICS.GET known today users:new users:returning:share users:new@event=view&country=FR users:new/users",
        "ANALYTICS.TOP known today country BY users:new WITH users:returning",
        "ANALYTICS.RANGE known 7d 1d users:new users:returning",
        "ANALYTICS.COMPARE known today users:new users:returning",
        "ANALYTICS.RETENTION known 7d day",
        "ANALYTICS.RETENTION known 12w week",
        "ANALYTICS.RETENTION known 12mo month",
        "ANALYTICS.EXPLAIN known 1d users:new",
        "ANALYTICS.INFO known",
        "ANALYTICS.DASHBOARD known users:new",
        "ANALYTICS.DASHBOARD shop",
        "ANALYTICS.EXPLAIN shop 7d",
        "ANALYTICS.INFO shop",
        "ANALYTICS.DASHBOARD nosuch",
        "ANALYTICS.HELP",
        "ANALYTICS.HELP track",
    ] {
        let reply = connection.run(line);
        assert!(!reply.is_error(), "{line}: {reply:?}");
    }
}

fn ask_and_write_nonsense(connection: &mut Connection) {
    for line in [
        "ANALYTICS.CREATE shop",
        "ANALYTICS.CREATE x RETENTION minute never",
        "ANALYTICS.ALTER shop TZ Nowhere/Else",
        "ANALYTICS.TRACK shop view ann VAL price much",
        "ANALYTICS.MTRACK shop EVENT view ann EVENT view ann AT never",
        "ANALYTICS.TRACKJSON shop [{\"event\":\"\\ud83d\",\"user_id\":\"\\n\"},{}]",
        "ANALYTICS.TRACK {shop} view ann",
        "ANALYTICS.GET shop 1d nothing@much",
        "ANALYTICS.RANGE shop 1y 1s events",
        "ANALYTICS.TOP shop 1d page BY nothing",
        "ANALYTICS.UNIQUE shop 3q",
        "ANALYTICS.INFO nosuch",
        "ANALYTICS.RESTORE bad SITE x",
        "ANALYTICS.RESTORE bad BUCKET x",
        "ANALYTICS.RESTORE bad VISITORS x",
        "ANALYTICS.RESTORE bad PEOPLE x",
        "ANALYTICS.RETENTION known 7d hour",
        "ANALYTICS.SEED known USER ann never",
        "ANALYTICS.SEED shop USER ann 2024-01-01",
        "ANALYTICS.FORGET nosuch ann",
        "CONFIG SET analytics.retention-minute never",
    ] {
        assert!(connection.run(line).is_error(), "{line}");
    }
}

/// Values out and in again: whole, cut and under other names.
fn dump_and_restore(connection: &mut Connection) {
    let state = State::of(connection);
    let (mut request, mut count) = (Vec::new(), 0);
    for (key, dump, _) in state.entries() {
        let mut broken = dump.to_vec();
        if let Some(byte) = broken.get_mut(20) {
            *byte ^= 0x55;
        }
        encode(&mut request, &[&"RESTORE", &key, &0, &dump, &"REPLACE"]);
        encode(
            &mut request,
            &[&"RESTORE", &"broken", &0, &broken, &"REPLACE"],
        );
        encode(&mut request, &[&"MEMORY", &"USAGE", &key]);
        encode(&mut request, &[&"DEBUG", &"DIGEST-VALUE", &key]);
        encode(&mut request, &[&"COPY", &key, &"copy", &"REPLACE"]);
        encode(&mut request, &[&"UNLINK", &"copy"]);
        count += 6;
    }
    connection.exchange(&request, count);
    connection.run("DEBUG RELOAD").ok();
}

#[test]
fn every_command_and_every_callback_in_one_life_of_a_server() {
    let mut server = Server::with()
        .aof()
        .config("aof-use-rdb-preamble", "no")
        .start();
    let mut replica = Server::with().replica_of(&server).start();
    let mut connection = server.connection();
    let now = connection.now();
    write(&mut connection, now);
    ask(&mut connection);
    connection.hello3();
    ask(&mut connection);
    ask_and_write_nonsense(&mut connection);
    dump_and_restore(&mut connection);
    connection.pipeline(&[
        "MULTI",
        "ANALYTICS.TRACK shop view ann",
        "ANALYTICS.GET shop 1h events",
        "EXEC",
    ]);
    let script = "redis.call('ANALYTICS.TRACK', 'shop', 'view', 'lua') \
                  return redis.call('ANALYTICS.GET', 'shop', '1h', 'events')";
    assert!(!cmd!(connection, "EVAL", script, 0).is_error());
    connection.run("CONFIG SET activedefrag yes");
    connection.run("INFO analytics");
    connection.rewrite_aof();
    server.wait_for_replica(&replica);
    assert_same_data(&mut connection, &mut replica.connection(), "the replica");
    replica.stop();
    let expected = State::of(&mut connection);
    drop(connection);
    server.restart();
    let mut connection = server.connection();
    State::of(&mut connection).assert_is(&expected, "the file");
    assert!(connection.run("ANALYTICS.DROP shop").int() > 5);
    fill_site(&mut connection, "other");
    connection
        .run(&format!("PEXPIREAT other {}", now - HOUR))
        .int();
    connection.run("FLUSHALL ASYNC").ok();
    fill_site(&mut connection, "shop");
    connection.run("FLUSHALL").ok();
    wait_until("everything is freed", || {
        connection.info("memory", "lazyfree_pending_objects") == "0"
    });
    server.stop();
}
