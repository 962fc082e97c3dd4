//! Pages of `docs/` that tests hold to what the program does.

use std::path::{Path, PathBuf};

use crate::stage::{ended, program};

fn page(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The page holds this text; with `RIGHTFUL_WRITE_PAGES` set it is given it.
#[track_caller]
pub fn compare(path: &str, text: &str) {
    let file = page(path);
    if std::env::var_os("RIGHTFUL_WRITE_PAGES").is_some() {
        std::fs::write(&file, text).unwrap();
        return;
    }
    let present = std::fs::read_to_string(&file).unwrap_or_default();
    let missing: Vec<&str> = text.lines().filter(|line| !present.lines().any(|kept| kept == *line)).collect();
    let surplus: Vec<&str> = present.lines().filter(|line| !text.lines().any(|kept| kept == *line)).collect();
    assert!(
        present == text,
        "{path} differs; where what happens is right, write it with RIGHTFUL_WRITE_PAGES=1\nhappens: {missing:#?}\npage: {surplus:#?}"
    );
}

/// What the program says of itself.
async fn help(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    ended(program(folder.path(), arguments)).await.exits(0).out
}

/// The verbs the program offers, with those below them.
pub async fn verbs() -> Vec<Vec<String>> {
    let mut verbs = Vec::new();
    for verb in listed(&help(&["--help"]).await) {
        let below = listed(&help(&[&verb, "--help"]).await);
        if below.is_empty() {
            verbs.push(vec![verb.clone()]);
        }
        verbs.extend(below.into_iter().map(|second| vec![verb.clone(), second]));
    }
    assert!(verbs.len() > 20, "{verbs:?}");
    verbs
}

/// The words that a help text lists below `Commands:`.
fn listed(help: &str) -> Vec<String> {
    let below = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = below.take_while(|line| !line.is_empty()).filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// The long options that a help text lists.
fn options(help: &str) -> Vec<String> {
    let words = help.lines().filter(|line| line.trim_start().starts_with('-')).flat_map(str::split_whitespace);
    words.filter(|word| word.starts_with("--")).map(|word| word.trim_end_matches([',', '.']).to_owned()).collect()
}

#[tokio::test]
async fn the_page_of_the_command_line_names_every_verb_option_and_exit_code() {
    let text = std::fs::read_to_string(page("docs/cli.md")).unwrap();
    for verb in verbs().await {
        let named = format!("`{}", verb.join(" "));
        assert!(text.contains(&format!("{named}`")) || text.contains(&format!("{named} ")), "docs/cli.md does not name {named}`");
        if text.contains(&format!("see `rightful {} --help`", verb.join(" "))) {
            continue;
        }
        let arguments: Vec<&str> = verb.iter().map(String::as_str).chain(["--help"]).collect();
        for option in options(&help(&arguments).await) {
            assert!(text.contains(&option), "docs/cli.md does not name {option} of {named}`");
        }
    }
    let told = help(&["--help"]).await;
    let told = told.split("Exit codes:").nth(1).expect("the help tells the exit codes");
    let codes: Vec<&str> = told.split(|letter: char| !letter.is_ascii_digit()).filter(|word| !word.is_empty()).collect();
    assert_eq!(codes.len(), 11, "{codes:?}");
    for code in codes {
        assert!(text.contains(&format!("\n| {code} |")), "docs/cli.md has no row for exit code {code}");
    }
}
