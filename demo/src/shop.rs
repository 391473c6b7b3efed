//! The site `shop`: visits of people over a year. There are more of them in the evening, fewer at the
//! weekend, more from month to month; a campaign for ten days; an outage of an afternoon; and a
//! checkout in which most people leave at the payment.

use crate::calendar::{Calendar, HOUR};
use crate::event::Event;
use crate::random::Random;
use crate::visitor::Visitor;

pub const SITE: &str = "shop";
/// How many days before the last one they are.
pub const OUTAGE: u64 = 16;
pub const CAMPAIGN: std::ops::RangeInclusive<u64> = 58..=67;
/// From the start of its day, in hours.
pub const OUTAGE_HOURS: (i64, i64) = (13, 17);

const PRODUCTS: [&str; 12] = [
    "wool-scarf",
    "linen-shirt",
    "rain-jacket",
    "canvas-tote",
    "trail-shoes",
    "felt-hat",
    "denim-apron",
    "silk-tie",
    "down-vest",
    "leather-belt",
    "knit-gloves",
    "cotton-socks",
];
const POSTS: [&str; 8] = [
    "how-we-dye",
    "care-for-wool",
    "size-guide",
    "spring-looks",
    "repair-club",
    "our-mill",
    "packing-light",
    "winter-layers",
];
const SECTIONS: [&str; 5] = ["women", "men", "kids", "home", "outlet"];
const SOURCES: [(&str, f64); 9] = [
    ("Direct", 31.0),
    ("Google", 34.0),
    ("Instagram", 11.0),
    ("Bing", 5.0),
    ("Newsletter", 6.0),
    ("Reddit", 4.0),
    ("news.example", 3.5),
    ("Facebook", 4.0),
    ("DuckDuckGo", 2.5),
];
/// A campaign, of which part of the visits of a source it is, and the medium.
const CAMPAIGNS: [(&str, &str, f64, &str); 2] = [
    ("Google", "brand-search", 0.2, "cpc"),
    ("Instagram", "new-arrivals", 0.35, "social"),
];
/// The weight of each hour of the day.
const HOURS: [f64; 24] = [
    1.6, 1.0, 0.7, 0.5, 0.5, 0.8, 1.8, 3.2, 4.4, 5.0, 5.2, 5.4, 5.9, 5.5, 5.0, 4.9, 5.0, 5.4, 6.2,
    7.2, 7.8, 7.3, 5.6, 3.3,
];
/// From Monday to Sunday.
const WEEK: [f64; 7] = [1.06, 1.09, 1.07, 1.03, 0.95, 0.82, 0.9];

pub struct Shop<'c> {
    pub calendar: &'c Calendar,
    pub seed: u64,
    /// Visits of an average day at the end of the year.
    pub visits: f64,
    /// How many people had come before each day.
    people: Vec<u64>,
}

/// What a visit begins with.
struct Arrival {
    time: i64,
    user: u64,
    source: &'static str,
    /// That of ten days.
    campaign: bool,
}

impl Arrival {
    /// Source, medium and name of the campaign that led here.
    fn utm(&self, random: &mut Random) -> Option<[(&'static str, String); 3]> {
        let names = ["utm_source", "utm_medium", "utm_campaign"];
        let of = |values: [&str; 3]| {
            let [source, medium, campaign] = values.map(String::from);
            let [first, second, third] = names;
            [(first, source), (second, medium), (third, campaign)]
        };
        if self.campaign {
            return Some(of(["newsletter", "email", "autumn-outlet"]));
        }
        let (source, name, part, medium) = CAMPAIGNS.iter().find(|it| it.0 == self.source)?;
        let is_led = random.chance(*part);
        is_led.then(|| of([source.to_lowercase().as_str(), medium, name]))
    }
}

impl<'c> Shop<'c> {
    pub fn new(calendar: &'c Calendar, seed: u64, visits: f64) -> Shop<'c> {
        let mut shop = Shop {
            calendar,
            seed,
            visits,
            people: Vec::new(),
        };
        let mut people = 0;
        for day in 0..=calendar.days {
            shop.people.push(people);
            people += shop.new_people(day);
        }
        shop
    }

    /// On this day.
    pub fn visits_of(&self, day: u64) -> u64 {
        let date = self.calendar.date(day);
        let grown = self.calendar.grown(day);
        let weekday = WEEK[date.weekday().to_monday_zero_offset() as usize];
        let season = if date.month() >= 11 { 1.15 } else { 1.0 };
        let noise = 1.0 + 0.05 * Random::of(&[self.seed, 1, day]).normal();
        let campaign = if self.in_campaign(day) { 1.45 } else { 1.0 };
        (self.visits * grown * weekday * season * noise * campaign) as u64
    }

    fn in_campaign(&self, day: u64) -> bool {
        CAMPAIGN.contains(&(self.calendar.days - 1).saturating_sub(day))
    }

    /// Of 100 visits 70 are of people who have not been there before.
    fn new_people(&self, day: u64) -> u64 {
        self.visits_of(day) * 7 / 10
    }

    /// The events of visits that begin on a day and before an instant, by time.
    pub fn day(&self, day: u64, until: i64) -> Vec<Event> {
        let start = self.calendar.start(day);
        let (visits, fresh) = (self.visits_of(day), self.new_people(day));
        let mut events = Vec::new();
        for number in 0..visits {
            let mut random = Random::of(&[self.seed, 2, day, number]);
            let hour = random.hour(&HOURS);
            let time = start + hour * HOUR + (random.unit() * HOUR as f64) as i64;
            if time >= until {
                continue;
            }
            let user = match number < fresh {
                true => self.people[day as usize] + number,
                false => self.somebody_before(day, &mut random),
            };
            if self.is_down(day, time) && random.chance(0.97) {
                continue;
            }
            let campaign = self.in_campaign(day) && random.chance(0.31);
            let source = match campaign {
                true => "Newsletter",
                false => random.pick(&SOURCES),
            };
            let arrival = Arrival {
                time,
                user,
                source,
                campaign,
            };
            self.visit(&arrival, &mut random, &mut events);
        }
        events.sort_by_key(|event| event.time);
        events
    }

    fn somebody_before(&self, day: u64, random: &mut Random) -> u64 {
        let back = 1 + random.wait(14.0) as u64;
        let day = day.saturating_sub(back) as usize;
        let (from, to) = (self.people[day], self.people[day + 1]);
        from + random.below((to - from).max(1))
    }

    fn is_down(&self, day: u64, time: i64) -> bool {
        let hours = (time - self.calendar.start(day)) / HOUR;
        day == self.calendar.back(OUTAGE) && (OUTAGE_HOURS.0..OUTAGE_HOURS.1).contains(&hours)
    }

    /// The events of visits that begin in a minute, at the pace of the last day.
    pub fn minute(&self, minute: i64) -> Vec<Event> {
        let mut events = Vec::new();
        let mut count = Random::of(&[self.seed, 3, minute as u64]);
        let visits = self.visits_of(self.calendar.days - 1) as f64;
        let hour = self.calendar.hour(minute * 60_000);
        for number in 0..count.of_minute(visits, &HOURS, hour) {
            let mut random = Random::of(&[self.seed, 4, minute as u64, number]);
            let user = match random.chance(0.6) {
                true => (1 << 40) + (minute as u64) * 32 + number,
                false => random.below(self.people[self.people.len() - 1].max(1)),
            };
            let time = minute * 60_000 + random.below(60_000) as i64;
            let source = random.pick(&SOURCES);
            let arrival = Arrival {
                time,
                user,
                source,
                campaign: false,
            };
            self.visit(&arrival, &mut random, &mut events);
        }
        events.sort_by_key(|event| event.time);
        events
    }

    fn visit(&self, arrival: &Arrival, random: &mut Random, events: &mut Vec<Event>) {
        let visitor = Visitor::of(arrival.user, arrival.campaign);
        let mut trip = Trip {
            visitor: &visitor,
            time: arrival.time,
            random,
            events,
        };
        let mut page = trip.landing(arrival);
        trip.view(&page, Some(arrival));
        let stays = match arrival.source {
            "Facebook" | "Instagram" => 0.34,
            "Newsletter" => 0.72,
            _ => 0.58,
        };
        let mut goes_on = trip.random.chance(stays);
        while goes_on {
            trip.pause(38.0);
            page = trip.next_page(&page);
            trip.view(&page, None);
            if page.starts_with("/product/") && trip.random.chance(0.16) {
                return trip.buy(&page);
            }
            goes_on = trip.random.chance(0.64);
        }
        trip.leave(&page);
    }
}

struct Trip<'a> {
    visitor: &'a Visitor,
    time: i64,
    random: &'a mut Random,
    events: &'a mut Vec<Event>,
}

impl Trip<'_> {
    fn pause(&mut self, seconds: f64) {
        self.time += 1_500 + (self.random.wait(seconds).min(900.0) * 1_000.0) as i64;
    }

    fn send(&mut self, name: &'static str, page: &str) -> &mut Event {
        let mut dimensions = vec![("page", String::from(page))];
        dimensions.extend(self.visitor.dimensions());
        self.events.push(Event {
            time: self.time,
            name,
            user: self.visitor.name(),
            dimensions,
            values: Vec::new(),
            passive: false,
        });
        let last = self.events.len() - 1;
        &mut self.events[last]
    }

    fn landing(&mut self, arrival: &Arrival) -> String {
        if arrival.campaign {
            return String::from("/shop/outlet");
        }
        match self
            .random
            .pick(&[(0, 40.0), (1, 26.0), (2, 22.0), (3, 12.0)])
        {
            0 => String::from("/"),
            1 => self.product(),
            2 => self.post(),
            _ => self.section(),
        }
    }

    fn one(&mut self, start: &str, of: &[&str]) -> String {
        // The first of a list is asked for most.
        let place = (self.random.unit().powf(1.9) * of.len() as f64) as usize;
        format!("{start}{}", of[place.min(of.len() - 1)])
    }

    fn product(&mut self) -> String {
        self.one("/product/", &PRODUCTS)
    }

    fn post(&mut self) -> String {
        self.one("/blog/", &POSTS)
    }

    fn section(&mut self) -> String {
        self.one("/shop/", &SECTIONS)
    }

    fn next_page(&mut self, page: &str) -> String {
        let product = if page.starts_with("/shop") {
            60.0
        } else {
            30.0
        };
        let next = [
            (0, product),
            (1, 26.0),
            (2, 8.0),
            (3, 4.0),
            (4, 3.0),
            (5, 7.0),
        ];
        match self.random.pick(&next) {
            0 => self.product(),
            1 => self.section(),
            2 => self.post(),
            3 => String::from("/about"),
            4 => String::from("/help/returns"),
            _ => String::from("/"),
        }
    }

    fn view(&mut self, page: &str, arrival: Option<&Arrival>) {
        let load = 320.0 * (0.45 * self.random.normal()).exp();
        let utm = arrival.and_then(|arrival| arrival.utm(self.random));
        let view = self.send("pageview", page);
        view.values.push(("load", load.round()));
        if let Some(arrival) = arrival {
            view.dimensions
                .push(("source", String::from(arrival.source)));
            view.dimensions.extend(utm.into_iter().flatten());
        }
        if matches!(page, "/" | "/checkout/payment") && self.random.chance(0.35) {
            self.click(page);
        }
    }

    /// Where somebody clicks, on a grid of 12 by 16.
    fn click(&mut self, page: &str) {
        let spots: &[((f64, f64), f64)] = match page {
            "/" => &[
                ((6.0, 3.0), 5.0),
                ((2.0, 1.0), 3.0),
                ((9.5, 6.5), 2.0),
                ((3.0, 11.0), 1.0),
            ],
            _ => &[((8.0, 5.0), 2.0), ((5.0, 9.0), 4.0), ((10.0, 1.0), 2.0)],
        };
        let (x, y) = self.random.pick(spots);
        let x = (x + 1.1 * self.random.normal()).clamp(0.0, 11.0) as u64;
        let y = (y + 1.1 * self.random.normal()).clamp(0.0, 15.0) as u64;
        self.time += 900;
        let click = self.send("click", page);
        click.dimensions.push(("x", x.to_string()));
        click.dimensions.push(("y", y.to_string()));
    }

    /// Cart, checkout, payment, thanks: fewer at each, and at the payment most leave.
    fn buy(&mut self, product: &str) {
        self.pause(20.0);
        self.send("add_to_cart", product);
        let steps = [
            ("/cart", 0.8),
            ("/checkout", 0.72),
            ("/checkout/payment", 0.39),
        ];
        for (page, goes_on) in steps {
            self.pause(25.0);
            self.view(page, None);
            if page == "/checkout" {
                self.send("checkout", page);
            }
            if !self.random.chance(goes_on) {
                return self.leave(page);
            }
        }
        self.pause(30.0);
        self.view("/thanks", None);
        let revenue = (18.0 + self.random.wait(46.0)) * 100.0;
        let purchase = self.send("purchase", "/thanks");
        purchase.values.push(("revenue", revenue.round() / 100.0));
        purchase.dimensions.push(("currency", String::from("EUR")));
        self.leave("/thanks");
    }

    fn leave(&mut self, page: &str) {
        let seconds = 4.0 + self.random.wait(41.0).min(600.0);
        self.time += (seconds * 1_000.0) as i64;
        let engagement = self.send("engagement", page);
        engagement.passive = true;
        engagement.values.push(("engagement", seconds.round()));
    }
}
