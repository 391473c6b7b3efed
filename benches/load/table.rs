//! The table, and which targets are met.

use crate::workload::{Target, Workload, REFERENCE};
use testkit::bench::Series;

pub struct Table<'t> {
    lines: Vec<(&'t Workload, &'t Series)>,
}

impl<'t> Table<'t> {
    pub fn new(workloads: &'t [Workload], series: &'t [Series]) -> Table<'t> {
        Table {
            lines: workloads.iter().zip(series).collect(),
        }
    }

    pub fn print(&self) {
        println!("| per event | ns | ± | events/s | x PFADD | of PFADD | busy | target |");
        println!("|---|---|---|---|---|---|---|---|");
        for (workload, series) in &self.lines {
            if let Some(reason) = &series.missing {
                println!("| {} | not available: {reason} |", workload.name);
                continue;
            }
            let rate = self.rate_to(series, REFERENCE);
            let (times, share) = match rate.is_nan() {
                true => (String::new(), String::new()),
                false => (format!("{:.2}", 1.0 / rate), format!("{rate:.2}")),
            };
            println!(
                "| {} | {:.0} | {:.0} % | {:.0} | {times} | {share} | {:.0} % | {} |",
                workload.name,
                series.nanoseconds(),
                series.spread() * 100.0,
                1e9 / series.nanoseconds(),
                series.busy() * 100.0,
                self.targets(workload, series),
            );
        }
    }

    fn rate_to(&self, series: &Series, name: &str) -> f64 {
        let other = self
            .lines
            .iter()
            .find(|(workload, _)| workload.name == name);
        other.map_or(f64::NAN, |(_, other)| series.rate_to(other))
    }

    fn targets(&self, workload: &Workload, series: &Series) -> String {
        let measured = |target: &&Target| match target {
            Target::Rate(_) => true,
            Target::Of(_, name) => !self.rate_to(series, name).is_nan(),
        };
        let targets = workload.targets.iter().filter(measured).map(|target| {
            let (text, is_met) = match target {
                Target::Rate(rate) => (format!("{rate:.0}/s"), 1e9 / series.nanoseconds() >= *rate),
                Target::Of(share, name) => {
                    let reached = self.rate_to(series, name);
                    let text = match *name {
                        REFERENCE => format!("{share} of PFADD"),
                        _ => format!("{share} of one such, is {reached:.2}"),
                    };
                    (text, reached >= *share)
                }
            };
            format!("{text}: {}", if is_met { "met" } else { "missed" })
        });
        targets.collect::<Vec<_>>().join(", ")
    }
}
