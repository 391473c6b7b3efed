//! A server whose clock the test moves, and the alert messages that its rules write.

use testkit::{cmd, wait_until, Connection, ManualClock, Server, ServerOptions};

pub struct AlertFixture {
    pub server: Server,
    pub connection: Connection,
    pub clock: ManualClock,
}

/// The shortest interval of a rule.
pub const SECOND: i64 = 1_000;

impl AlertFixture {
    pub fn start() -> AlertFixture {
        AlertFixture::with(Server::with())
    }

    pub fn with(options: ServerOptions) -> AlertFixture {
        let clock = ManualClock::new();
        let server = options.manual_clock(&clock).start();
        let connection = server.connection();
        AlertFixture {
            server,
            connection,
            clock,
        }
    }

    /// The same after the server was started again, or another one has taken its place.
    pub fn reconnect(&mut self) {
        self.connection = self.server.connection();
    }

    #[track_caller]
    pub fn set(&mut self, rule: &str) {
        self.connection
            .run(&format!("ANALYTICS.ALERT shop SET {rule} EVERY 1s"))
            .ok();
    }

    /// Counts so many events of the site now.
    #[track_caller]
    pub fn track(&mut self, count: usize, options: &str) {
        let now = self.clock.now();
        let event = format!("ANALYTICS.TRACK shop view ann AT {now} {options}");
        for reply in self.connection.pipeline(&vec![event; count]) {
            assert_eq!(reply, 1);
        }
    }

    /// Moves the clock by a second or more, and waits until every rule was evaluated once more.
    #[track_caller]
    pub fn advance(&mut self, millis: i64) {
        let before = evaluations(&mut self.connection);
        let rules: u64 = figure(&mut self.connection, "alert_rules");
        assert!(rules > 0 && millis >= SECOND);
        self.clock.step(millis);
        let connection = &mut self.connection;
        wait_until("every rule was evaluated", || {
            evaluations(connection) >= before + rules
        });
    }

    #[track_caller]
    pub fn state(&mut self, rule: &str) -> String {
        state(&mut self.connection, rule)
    }

    /// The messages so far: rule, state and value.
    #[track_caller]
    pub fn messages(&mut self) -> Vec<String> {
        messages(&mut self.connection, "{shop}:alerts")
    }

    /// Moves the clock; the messages that came meanwhile.
    #[track_caller]
    pub fn new_messages(&mut self, millis: i64) -> Vec<String> {
        let before = self.messages().len();
        self.advance(millis);
        self.messages().split_off(before)
    }
}

#[track_caller]
pub fn state(connection: &mut Connection, rule: &str) -> String {
    let rule = connection.run(&format!("ANALYTICS.ALERT_RO shop GET {rule}"));
    rule.get("state").text().to_owned()
}

#[track_caller]
pub fn messages(connection: &mut Connection, stream: &str) -> Vec<String> {
    let entries = cmd!(connection, "XRANGE", stream, "-", "+");
    let entries = entries.array().iter().map(|entry| {
        let fields = entry.at(1);
        ["rule", "state", "value"]
            .map(|field| fields.get(field).text().to_owned())
            .join(" ")
    });
    entries.map(|entry| entry.trim_end().to_owned()).collect()
}

#[track_caller]
pub fn figure(connection: &mut Connection, name: &str) -> u64 {
    let figure = connection.info("analytics", &format!("analytics_{name}"));
    figure.parse().expect("a figure of the module")
}

#[track_caller]
pub fn evaluations(connection: &mut Connection) -> u64 {
    figure(connection, "alert_evaluations")
}
