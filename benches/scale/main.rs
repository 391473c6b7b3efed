//! How the cost of an event grows: with sites, dimension values, events a call, and the size of an event.
//!
//!     cargo bench --bench scale            every table
//!     cargo bench --bench scale -- sites   the tables with this in their title
//!
//! Processor time of the server's main thread, as in the bench `load`. Under each table stands how
//! fast the cost grows where it grows fastest.

mod axes;

use std::time::Duration;

use testkit::bench::Series;
use testkit::Server;

use axes::{Axis, Point};

const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_millis(300);
const WARM_UP: Duration = Duration::from_millis(500);

fn main() {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let filter = filter.unwrap_or_default();
    println!(
        "Medians of {ROUNDS} rounds of {} ms, processor time of the server's main thread.",
        ROUND.as_millis()
    );
    for axis in axes::ALL {
        if axis.title.contains(&filter) {
            measure_axis(axis);
        }
    }
}

fn measure_axis(axis: &Axis) {
    // A server for each, so that none depends on the memory of another.
    let server = Server::start();
    let mut connection = server.connection();
    let minute = connection.now() / 60_000 * 60_000;
    let points: Vec<Point> = axis
        .steps
        .iter()
        .map(|n| (axis.point)(*n, minute))
        .collect();
    let mut series: Vec<Series> = points.iter().map(|_| Series::default()).collect();
    for line in points.iter().flat_map(|point| &point.setup) {
        connection.run(line).ok();
    }
    for round in 0..=ROUNDS {
        for ((point, series), n) in points.iter().zip(&mut series).zip(axis.steps) {
            eprint!("\r{} {n}, round {round} of {ROUNDS}   ", axis.title);
            let length = if round == 0 { WARM_UP } else { ROUND };
            let sample = testkit::bench::measure::run(&server, axis.title, &point.requests, length);
            if round > 0 {
                series.samples.push(sample);
            }
        }
    }
    eprint!("\r{:70}\r", "");
    print(axis, &series);
}

fn print(axis: &Axis, series: &[Series]) {
    println!(
        "\n| {} | ns an event | to the first |\n|---|---|---|",
        axis.title
    );
    let costs: Vec<f64> = series.iter().map(Series::nanoseconds).collect();
    for (n, cost) in axis.steps.iter().zip(&costs) {
        println!("| {n} | {cost:.0} | {:.2} |", cost / costs[0]);
    }
    println!("\n{}", verdict(axis.steps, &costs));
}

/// The exponent of the steepest step: the ratio of costs as a power of the ratio of sizes.
fn verdict(steps: &[u64], costs: &[f64]) -> String {
    let powers = steps.windows(2).zip(costs.windows(2)).map(|(n, cost)| {
        let growth = n[1] as f64 / n[0] as f64;
        (cost[1] / cost[0]).ln() / growth.ln()
    });
    let power = powers.fold(f64::NEG_INFINITY, f64::max);
    let word = match power {
        power if power < 0.1 => "never grows",
        power if power < 0.75 => "grows less than linearly",
        power if power < 1.15 => "grows up to linearly",
        _ => "grows worse than linearly",
    };
    format!("It {word}: at its steepest step with the power {power:.2}.")
}
