//! The crate analytics-core by itself: no server, wall-clock time.
//!
//!     cargo bench --bench core             everything
//!     cargo bench --bench core -- union    what has this in its name

mod bucket;
mod cover;
mod quantiles;
mod rows;
mod sketch;

fn main() {
    // As a block of a page in Markdown.
    println!("```text");
    divan::main();
    println!("```");
}
