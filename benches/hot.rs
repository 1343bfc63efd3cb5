//! The hot loops, each alone. `cargo bench --workspace --bench hot` runs all; `… -- decode` those of one module.

mod decode;
mod encode;
mod index;
mod inflate;
mod intern;

fn main() {
    divan::main();
}
