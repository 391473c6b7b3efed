//! A small site with every kind of content, as a test needs one to copy, move or lose.

use crate::calendar::{HOUR, MINUTE};
use crate::cmd;
use crate::connection::Connection;

/// A site of some hours, with every kind of content; gives a time that has all its buckets.
pub fn fill_site(connection: &mut Connection, site: &str) -> i64 {
    let time = connection.now() - MINUTE;
    let options = ["DIM", "plan", "NOUSERS", "CUBE", "event,country"];
    let reply = cmd!(
        connection,
        "ANALYTICS.CREATE",
        site,
        options[0],
        options[1],
        options[2],
        options[3],
        options[4]
    );
    reply.ok();
    for n in 0..200 {
        let time = time - n % 5 * HOUR;
        let reply = cmd!(
            connection,
            "ANALYTICS.TRACK",
            site,
            "view",
            n,
            "AT",
            time,
            "DIM",
            "country",
            n % 7,
            "DIM",
            "plan",
            n % 3,
            "VAL",
            "price",
            n * n,
            "SESSION",
            n / 4,
            "ID",
            n
        );
        assert_eq!(reply, 1);
    }
    time
}
