//! Scripts and functions: events from Lua reach replicas and files as they are, read-only scripts only
//! ask, and a library of functions may give events a house's own defaults.

use testkit::calendar::MINUTE;
use testkit::state::assert_same_data;
use testkit::{cmd, Clock, Connection, Server};

/// A library as an application would have it: every event of a visit is of the channel `web`, and
/// the answers of a dashboard are one call.
const LIBRARY: &str = "#!lua name=visits
    local function track(keys, args)
      return redis.call('ANALYTICS.TRACK', keys[1], args[1], args[2], 'DIM', 'channel', args[3] or 'web')
    end
    local function summary(keys, args)
      redis.setresp(3)
      return redis.call('ANALYTICS.GET', keys[1], args[1] or '24h', 'events', 'users', 'revenue:sum')
    end
    redis.register_function('visits_track', track)
    redis.register_function{
      function_name = 'visits_summary', callback = summary, flags = { 'no-writes' }
    }";

/// A server that keeps a file, and a replica whose clock is half an hour ahead.
fn pair() -> (Server, Server) {
    let server = Server::with().aof().start();
    let early = Clock::ahead(30 * MINUTE);
    let replica = Server::with().replica_of(&server).clock(early).start();
    (server, replica)
}

/// The replica, and what is loaded from the file, have the same bytes.
fn assert_all_agree(mut server: Server, replica: &Server) {
    server.wait_for_replica(replica);
    let mut connection = server.connection();
    assert_same_data(&mut connection, &mut replica.connection(), "the replica");
    let digest = connection.digest_of_all();
    server.restart();
    assert_eq!(server.connection().digest_of_all(), digest);
}

fn load(connection: &mut Connection) {
    assert_eq!(cmd!(connection, "FUNCTION", "LOAD", LIBRARY), "visits");
}

#[test]
fn events_without_a_time_are_the_same_on_a_replica_half_an_hour_ahead() {
    let (server, replica) = pair();
    let mut connection = server.connection();
    let script = "for user = 1, tonumber(ARGV[1]) do \
                    redis.call('ANALYTICS.TRACK', KEYS[1], 'view', 'u' .. user, 'ID', user, \
                               'DIM', 'country', 'FR', 'VAL', 'n', user) \
                  end \
                  return redis.call('ANALYTICS.MTRACK', KEYS[1], \
                                    'EVENT', 'buy', 'u1', 'EVENT', 'buy', 'u2', 'AT', '*')";
    let sha = cmd!(connection, "SCRIPT", "LOAD", script);
    assert_eq!(cmd!(connection, "EVAL", script, 1, "shop", 50), 2);
    assert_eq!(cmd!(connection, "EVALSHA", sha.text(), 1, "shop", 60), 2);
    let get = connection.run("ANALYTICS.GET shop 1h events users n:sum");
    assert_eq!((get.at(0).int(), get.at(1).int()), (64, 60));
    assert_eq!(get.at(2).double(), 1830.0);
    assert_all_agree(server, &replica);
}

#[test]
fn a_script_that_fails_half_way_keeps_what_it_counted_everywhere() {
    let (server, replica) = pair();
    let mut connection = server.connection();
    let script = "redis.call('ANALYTICS.TRACK', KEYS[1], 'view', 'ann') \
                  redis.call('ANALYTICS.TRACK', KEYS[1], 'view', 'bob', 'VAL', 'n', 'much') \
                  redis.call('ANALYTICS.TRACK', KEYS[1], 'view', 'cleo')";
    let reply = cmd!(connection, "EVAL", script, 1, "shop");
    assert!(reply.error().contains("'much'"), "{reply:?}");
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1h"), 1);
    assert_all_agree(server, &replica);
}

#[test]
fn replies_in_lua_are_those_of_the_protocol_that_the_script_asks_for() {
    let server = Server::start();
    let mut connection = server.connection();
    let event = "ANALYTICS.TRACK shop buy ann VAL price 2.5";
    assert_eq!(connection.run(event), 1);
    let script = "redis.setresp(tonumber(ARGV[1])) \
                  local get = redis.call('ANALYTICS.GET', KEYS[1], '1h', 'events', 'price:sum', 'none:max') \
                  local info = redis.call('ANALYTICS.EXPLAIN', KEYS[1], '1h') \
                  local sum = get[2] \
                  if type(sum) == 'table' then sum = 'double ' .. sum.double end \
                  return { get[1], sum, get[3] == false or get[3] == nil, type(info.map), #info }";
    let old = cmd!(connection, "EVAL_RO", script, 1, "shop", 2);
    assert_eq!(*old.at(0), 1);
    assert_eq!(*old.at(1), "2.5");
    assert_eq!(*old.at(2), 1);
    assert_eq!(*old.at(3), "nil");
    assert!(old.at(4).int() > 0);
    let new = cmd!(connection, "EVAL_RO", script, 1, "shop", 3);
    assert_eq!(*new.at(1), "double 2.5");
    assert_eq!(*new.at(2), 1);
    assert_eq!(*new.at(3), "table");
    assert_eq!(*new.at(4), 0);
}

#[test]
fn read_only_scripts_ask_everything_on_a_replica_and_count_nothing() {
    let server = Server::start();
    let replica = Server::with().replica_of(&server).start();
    let mut connection = server.connection();
    load(&mut connection);
    let event = "ANALYTICS.TRACK shop view ann DIM country FR VAL revenue 5";
    assert_eq!(connection.run(event), 1);
    server.wait_for_replica(&replica);
    let mut reader = replica.connection();
    let digest = reader.digest_of_all();
    for words in [
        "UNIQUE shop 1h country FR",
        "GET shop 1h events revenue:sum",
        "RANGE shop 1h 1m events",
        "TOP shop 1h country",
        "COMPARE shop 1h events",
        "DASHBOARD shop",
        "EXPLAIN shop 1h",
        "INFO shop",
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        let call = format!("return redis.call('ANALYTICS.{}')", words.join("', '"));
        for command in ["EVAL_RO", "EVAL"] {
            let reply = cmd!(reader, command, call, 1, "shop");
            assert!(!reply.is_error(), "{command} {words:?}: {reply:?}");
        }
    }
    let summary = cmd!(reader, "FCALL_RO", "visits_summary", 1, "shop");
    assert_eq!((summary.at(0).int(), summary.at(1).int()), (1, 1));
    for words in [
        "'TRACK', KEYS[1], 'view', 'bob'",
        "'MTRACK', KEYS[1], 'EVENT', 'view', 'bob'",
        "'CREATE', 'other'",
        "'ALTER', KEYS[1], 'STRICT'",
        "'DROP', KEYS[1]",
    ] {
        let call = format!("return redis.call('ANALYTICS.' .. {words})");
        let reply = cmd!(connection, "EVAL_RO", call, 1, "shop");
        let expected = "Write commands are not allowed from read-only scripts";
        assert!(reply.error().contains(expected), "{words}: {reply:?}");
    }
    let reply = cmd!(
        connection,
        "FCALL_RO",
        "visits_track",
        1,
        "shop",
        "view",
        "bob"
    );
    assert!(reply.is_error(), "{reply:?}");
    assert_eq!(reader.digest_of_all(), digest);
    assert_eq!(connection.run("ANALYTICS.UNIQUE shop 1h"), 1);
}

#[test]
fn a_library_of_functions_tracks_with_defaults_of_its_own() {
    let (server, replica) = pair();
    let mut connection = server.connection();
    load(&mut connection);
    for user in ["ann", "bob"] {
        let reply = cmd!(connection, "FCALL", "visits_track", 1, "shop", "view", user);
        assert_eq!(reply, 1);
    }
    let app = cmd!(
        connection,
        "FCALL",
        "visits_track",
        1,
        "shop",
        "view",
        "cleo",
        "app"
    );
    assert_eq!(app, 1);
    let top = connection.run("ANALYTICS.TOP shop 1h channel");
    assert_eq!((top.at(0).at(0).text(), top.at(0).at(1).int()), ("web", 2));
    assert_eq!((top.at(1).at(0).text(), top.at(1).at(1).int()), ("app", 1));
    let refused = cmd!(connection, "FCALL", "visits_track", 1, "shop", "", "ann");
    assert!(refused.is_error(), "{refused:?}");
    let summary = cmd!(connection, "FCALL", "visits_summary", 1, "shop", "1h");
    assert_eq!(summary.at(0).int(), 3);
    // The library itself is in the file and on the replica, as what it did is.
    server.wait_for_replica(&replica);
    let mut reader = replica.connection();
    let there = cmd!(reader, "FCALL_RO", "visits_summary", 1, "shop", "7d");
    assert_eq!(there.at(0).int(), 3);
    assert_all_agree(server, &replica);
}
