//! Somebody who visits: always from the same country, with the same device.

use crate::random::Random;

const COUNTRIES: [(&str, f64); 24] = [
    ("DE", 30.0),
    ("FR", 14.0),
    ("GB", 10.0),
    ("US", 9.0),
    ("NL", 6.0),
    ("AT", 5.0),
    ("CH", 4.5),
    ("PL", 3.5),
    ("IT", 3.4),
    ("ES", 3.2),
    ("SE", 2.2),
    ("DK", 1.8),
    ("BE", 1.7),
    ("CZ", 1.3),
    ("NO", 1.1),
    ("FI", 0.9),
    ("CA", 0.8),
    ("PT", 0.6),
    ("JP", 0.5),
    ("AU", 0.5),
    ("BR", 0.4),
    ("IN", 0.4),
    ("ZA", 0.2),
    ("MX", 0.2),
];

pub struct Visitor {
    number: u64,
    country: &'static str,
    device: &'static str,
    browser: &'static str,
    os: &'static str,
}

impl Visitor {
    pub fn of(number: u64, campaign: bool) -> Visitor {
        let mut random = Random::of(&[77, number]);
        let country = random.pick(&COUNTRIES);
        let mobile = if campaign { 74.0 } else { 55.0 };
        let device = random.pick(&[("Mobile", mobile), ("Desktop", 40.0), ("Tablet", 5.0)]);
        let (os, browser) = match device {
            "Desktop" => random.pick(&[
                (("Windows", "Chrome"), 40.0),
                (("Windows", "Edge"), 16.0),
                (("Windows", "Firefox"), 7.0),
                (("macOS", "Safari"), 17.0),
                (("macOS", "Chrome"), 11.0),
                (("Linux", "Firefox"), 6.0),
                (("Linux", "Chrome"), 3.0),
            ]),
            "Mobile" => random.pick(&[
                (("iOS", "Safari"), 46.0),
                (("Android", "Chrome"), 38.0),
                (("Android", "Samsung Internet"), 9.0),
                (("iOS", "Chrome"), 4.0),
                (("Android", "Firefox"), 3.0),
            ]),
            _ => random.pick(&[(("iPadOS", "Safari"), 70.0), (("Android", "Chrome"), 30.0)]),
        };
        Visitor {
            number,
            country,
            device,
            browser,
            os,
        }
    }

    pub fn name(&self) -> String {
        format!("v{}", self.number)
    }

    pub fn dimensions(&self) -> [(&'static str, String); 4] {
        [
            ("country", self.country),
            ("device", self.device),
            ("browser", self.browser),
            ("os", self.os),
        ]
        .map(|(name, value)| (name, String::from(value)))
    }
}
