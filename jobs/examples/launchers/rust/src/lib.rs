// SPDX-License-Identifier: Apache-2.0
//! Tests that `cargo test` and `cargo nextest run` start by `cupel exec`: `.cargo/config.toml`, `.config/nextest.toml`.

#[cfg(test)]
mod tests {
    /// The host never gets this file.
    #[test]
    fn writes() {
        std::fs::write("written", "written\n").unwrap();
    }

    /// Each job has this variable.
    #[test]
    fn runs_in_a_sandbox() {
        assert_eq!(std::env::var("CUPEL_JOB").unwrap(), "exec");
    }
}
