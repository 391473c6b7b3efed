//! Random operations of every kind that change sites and buckets: events in time, late and twice, in
//! transactions and scripts, settings, and Redis's own commands on the keys.
//!
//! No bucket is near its end while they run: what there is does not depend on how fast they are.

use crate::calendar::{at, buckets, DAY, HOUR, MINUTE, SECOND};
use crate::connection::{encode, Arg, Connection};
use crate::event_json::json_of;
use crate::random::Random;

pub const SITES: [&str; 6] = ["shop", "store", "{eu}shop", "bazaar", "stall", "market"];
const ZONES: [&str; 3] = ["UTC", "Europe/Paris", "Pacific/Auckland"];
const KINDS: [&str; 3] = ["view", "click", "buy"];

type Words = Vec<String>;

fn words(line: &str) -> Words {
    line.split_whitespace().map(str::to_owned).collect()
}

pub struct Operations {
    random: Random,
    now: i64,
}

impl Operations {
    pub fn new(seed: u64, now: i64) -> Operations {
        Operations {
            random: Random::new(seed),
            now,
        }
    }

    /// Sends so many operations at once, and reads their replies, of which many are errors; how many
    /// were not.
    pub fn run(&mut self, connection: &mut Connection, count: usize) -> usize {
        let (mut request, mut replies) = (Vec::new(), 0);
        for _ in 0..count {
            for words in self.operation() {
                let args: Vec<&dyn Arg> = words.iter().map(|word| word as &dyn Arg).collect();
                encode(&mut request, &args);
                replies += 1;
            }
        }
        let replies = connection.exchange(&request, replies);
        replies.iter().filter(|reply| !reply.is_error()).count()
    }

    fn site(&mut self) -> &'static str {
        self.random.pick::<&str>(&SITES)
    }

    /// Never close to where a retention of `settings` or the default one ends, not even when a time
    /// of UTC is read as one of a zone of `ZONES`: then it is a whole number of hours older.
    fn time(&mut self) -> i64 {
        let ages = [
            -3 * MINUTE,
            0,
            0,
            0,
            5 * MINUTE,
            20 * MINUTE,
            50 * MINUTE,
            3 * HOUR,
            2 * DAY,
            5 * DAY,
            20 * DAY,
            100 * DAY,
            300 * DAY,
            500 * DAY,
            1_500 * DAY,
        ];
        self.now - self.random.pick(&ages) - self.random.below(5_000) as i64
    }

    /// The key of a bucket, or the name of a site.
    fn key(&mut self) -> String {
        let site = self.site();
        if self.random.one_in(4) {
            return site.to_owned();
        }
        let zone = self.random.pick::<&str>(&ZONES);
        let time = self.time();
        let key = self.random.pick(&buckets(site, zone, time)).key.clone();
        // A site that has a hash tag of its own gets no further braces.
        key.replace("{{eu}shop}", "{eu}shop")
    }

    fn settings(&mut self) -> Words {
        let line = match self.random.below(15) {
            0 => "RETENTION minute 10m",
            1 => "RETENTION minute 35m RETENTION hour 1d",
            2 => "RETENTION minute 90m RETENTION hour off",
            3 => "RETENTION hour 4d RETENTION day 200d",
            4 => "RETENTION minute off RETENTION hour 7d RETENTION day 365d",
            5 => "DIM page NOUSERS VAL price CUBE event,country",
            6 => "CAPACITY 3 DIM country",
            8 => "VISITS 10m PATH page BY country DIM from NOUSERS",
            9 => "VISITS 30m BY event VISITORS 5",
            10 => "VISITS off",
            11 => "RETURNING 90d",
            12 => "RETURNING 40d VISITORS 50 VISITS 20m",
            13 => "RETURNING off",
            7 => "CAPACITY 50 CUBE country,event,page NOUSERS",
            _ => "NOSTRICT",
        };
        words(line)
    }

    /// The event's words behind the site.
    fn event(&mut self) -> Words {
        let mut words = words(self.random.pick::<&str>(&KINDS));
        words.push(format!("user-{}", self.random.below(500)));
        let time = self.time();
        match self.random.below(8) {
            0 => {}
            1 => words.extend(["AT".to_owned(), "*".to_owned()]),
            2 => {
                let iso = at(time, "Asia/Kolkata").strftime("%Y-%m-%dT%H:%M:%S%:z");
                words.extend(["AT".to_owned(), iso.to_string()]);
            }
            3 => {
                let iso = at(time, "UTC").strftime("%Y-%m-%dT%H:%M");
                words.extend(["AT".to_owned(), iso.to_string()]);
            }
            // Ids come twice: at a few exact times.
            4 => {
                let time = self.now - 4 * MINUTE * self.random.below(3) as i64;
                let id = self.random.below(60);
                words.extend(["AT", &time.to_string(), "ID", &id.to_string()].map(str::to_owned));
            }
            _ => words.extend(["AT".to_owned(), time.to_string()]),
        }
        if self.random.one_in(2) {
            let page = self.random.below(40) * self.random.below(10);
            words.extend(["DIM", "page", &format!("/{page}")].map(str::to_owned));
        }
        if self.random.one_in(3) {
            let country = self.random.pick::<&str>(&["FR", "", "Österreich"]);
            words.extend(["DIM", "country", country].map(str::to_owned));
        }
        if self.random.one_in(3) {
            let price = self.random.below(1_000_000) as f64 / 7.0 - 1_000.0;
            words.extend(["VAL", "price", &price.to_string()].map(str::to_owned));
        }
        if self.random.one_in(4) {
            words.extend(["SESSION".to_owned(), self.random.below(300).to_string()]);
        }
        // One in many is wrong, and its whole command with it.
        if self.random.one_in(60) {
            words.extend(["VAL", "price", "much"].map(str::to_owned));
        }
        words
    }

    fn track(&mut self) -> Words {
        let mut words = vec!["ANALYTICS.TRACK".to_owned(), self.site().to_owned()];
        words.extend(self.event());
        if self.random.one_in(6) {
            words.push("PASSIVE".to_owned());
        }
        words
    }

    fn mtrack(&mut self) -> Words {
        let mut words = vec!["ANALYTICS.MTRACK".to_owned(), self.site().to_owned()];
        for _ in 0..1 + self.random.below(12) {
            words.push("EVENT".to_owned());
            words.extend(self.event());
        }
        words
    }

    fn trackjson(&mut self) -> Words {
        let events: Vec<String> = (0..1 + self.random.below(12))
            .map(|_| json_of(&self.event(), self.random.one_in(3)))
            .collect();
        let json = match &events[..] {
            [event] => event.clone(),
            events => format!("[{}]", events.join(",\n")),
        };
        vec![
            "ANALYTICS.TRACKJSON".to_owned(),
            self.site().to_owned(),
            json,
        ]
    }

    /// Redis's own commands on a site or a bucket.
    fn native(&mut self) -> Words {
        let (key, other) = (self.key(), self.key());
        let soon = self.now + DAY + self.random.below(DAY as u64) as i64;
        match self.random.below(14) {
            0 => vec!["DEL".to_owned(), key, other],
            1 => vec!["UNLINK".to_owned(), key],
            2 => vec!["RENAME".to_owned(), key, other],
            3 => vec!["RENAMENX".to_owned(), key, other],
            4 => vec!["COPY".to_owned(), key, other, "REPLACE".to_owned()],
            5 => vec!["COPY".to_owned(), key, other],
            6 => vec!["EXPIRE".to_owned(), key, "5000".to_owned()],
            7 => vec!["PEXPIREAT".to_owned(), key, soon.to_string()],
            8 => vec!["PERSIST".to_owned(), key],
            9 => vec!["PEXPIRE".to_owned(), key, "1".to_owned()],
            10 => vec!["EXPIREAT".to_owned(), key, "1".to_owned()],
            11 => vec!["SET".to_owned(), key, "a string".to_owned()],
            12 => vec!["MOVE".to_owned(), key, "1".to_owned()],
            _ => vec!["GETDEL".to_owned(), key],
        }
    }

    fn script(&mut self) -> Words {
        let (site, other) = (self.site(), self.site());
        let time = self.time();
        let script = "for i = 1, 5 do \
                        redis.call('ANALYTICS.TRACK', KEYS[1], 'view', 'lua' .. i, 'AT', ARGV[1]) \
                        redis.call('ANALYTICS.TRACK', KEYS[2], 'view', 'lua' .. i, 'ID', i) \
                      end \
                      redis.pcall('ANALYTICS.TRACK', KEYS[1], 'view', 'x', 'VAL', 'n', 'bad') \
                      return redis.call('ANALYTICS.MTRACK', KEYS[2], ARGV[2], 'view', 'y')";
        // Without its keyword the last command fails, after ten events have counted.
        let keyword = self.random.pick::<&str>(&["EVENT", "EVENT", "NONE"]);
        let mut words = vec!["EVAL".to_owned(), script.to_owned()];
        words.extend(["2", site, other, &time.to_string(), keyword].map(str::to_owned));
        words
    }

    fn administration(&mut self) -> Words {
        let site = self.site().to_owned();
        let mut words = match self.random.below(6) {
            0 => vec!["ANALYTICS.DROP".to_owned(), site],
            4 => return self.funnel(&site),
            5 => return self.person(&site),
            1 => {
                let zone = *self.random.pick(&ZONES);
                words(&format!("ANALYTICS.CREATE {site} TZ {zone}"))
            }
            _ => vec!["ANALYTICS.ALTER".to_owned(), site],
        };
        if !words[0].ends_with("DROP") {
            words.extend(self.settings());
        }
        words
    }

    fn funnel(&mut self, site: &str) -> Words {
        let verb = match self.random.below(5) {
            0 => "SET buy WITHIN 1h STEP event=view STEP event=click STEP event=buy BY country",
            1 => "SET buy WITHIN 20d STEP event=view STEP event=buy EXCLUDE event=click BY page",
            2 => "SET home WITHIN 2d STEP event=view STEP event=view&page=/0 BY country BY page",
            3 => "SET price WITHIN 1m STEP event=click STEP event=buy",
            _ => "DEL buy",
        };
        words(&format!("ANALYTICS.FUNNEL {site} {verb}"))
    }

    /// What is done to one person, or to a few.
    fn person(&mut self, site: &str) -> Words {
        let user = self.random.below(500);
        if self.random.one_in(2) {
            return words(&format!("ANALYTICS.FORGET {site} user-{user}"));
        }
        let (first, other) = (self.time().min(self.now), self.random.below(500));
        words(&format!(
            "ANALYTICS.SEED {site} USER user-{user} {first} USER user-{other} 2024-02-29"
        ))
    }

    fn single(&mut self) -> Words {
        match self.random.below(40) {
            0..18 => self.track(),
            18..24 => self.mtrack(),
            24..28 => self.trackjson(),
            28..31 => self.administration(),
            31..36 => self.native(),
            _ => self.script(),
        }
    }

    /// What belongs together on the connection.
    fn operation(&mut self) -> Vec<Words> {
        let both = |a: &str, operation: Words, b: &str| vec![words(a), operation, words(b)];
        match self.random.below(120) {
            0..8 => {
                let mut queued = vec![words("MULTI")];
                queued.extend((0..1 + self.random.below(6)).map(|_| self.single()));
                let end = self
                    .random
                    .pick::<&str>(&["EXEC", "EXEC", "EXEC", "DISCARD"]);
                queued.push(words(end));
                queued
            }
            8..12 => {
                let operation = self.single();
                both("SELECT 1", operation, "SELECT 0")
            }
            12 => vec![words("SWAPDB 0 1")],
            13 if self.random.one_in(10) => vec![words("FLUSHDB ASYNC")],
            14 => {
                let capacity = 2 + self.random.below(30);
                let line = format!("CONFIG SET analytics.dimension-capacity {capacity}");
                vec![words(&line)]
            }
            15 => {
                let zone = *self.random.pick(&ZONES);
                vec![words(&format!("CONFIG SET analytics.timezone {zone}"))]
            }
            _ => vec![self.single()],
        }
    }

    /// How long to wait, before servers are compared, until the short expiries are over.
    pub const SETTLED: i64 = SECOND / 20;
}
