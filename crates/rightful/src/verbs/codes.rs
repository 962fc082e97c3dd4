//! `rightful codes`: the table of codes and users, looked at and edited; an edit takes effect at the next run.

use std::path::Path;

use rightful_core::{Error, ErrorKind, nearest};
use rightful_engine::{
    CodeEdit, CodeLine, CodeRow, Integration, Likeness, Named, Ports, Saved, Situation, Typed, TypedUser, code_overview,
    goes_by_code_table, known_people, table_file, typed_edit,
};
use serde_json::json;

use super::{Ended, Failure, authorship, chosen, open, setup};
use crate::cli::{Authored, CodesVerb, Global};
use crate::exit::Exit;
use crate::output;

/// The largest table file.
const LARGEST: u64 = 16 * 1024 * 1024;

/// `rightful codes`
pub async fn codes(global: &Global, verb: CodesVerb) -> Ended {
    let composition = open(global).await?;
    let integration = chosen(&composition, global, None)?;
    goes_by_code_table(integration)?;
    let ports = composition.ports_to_look(integration);
    match verb {
        CodesVerb::List { unmapped } => list(global, &ports, integration, unmapped).await,
        CodesVerb::Set { code, users, successor, blank, remove, expect, by } => {
            let edit = edit(&ports, integration, &code, &users, &successor, (blank, remove)).await?;
            save(global, &ports, integration, &[edit], expect, &by, Vec::new()).await
        }
        CodesVerb::Import { file, whole, good_rows, dry_run, expect, by } => {
            let options = Import { whole, good_rows, dry_run, expect };
            import(global, &ports, integration, &file, &options, &by).await
        }
        CodesVerb::Export { file } => export(global, &ports, integration, file.as_deref()).await,
        CodesVerb::History { limit } => history(global, &ports, integration, limit).await,
    }
}

async fn list(global: &Global, ports: &Ports, integration: &Integration, unmapped: bool) -> Ended {
    let mut lines = code_overview(ports, integration).await?;
    if unmapped {
        lines.retain(|line| line.situation != Situation::Linked);
    }
    let table = ports.store.code_table(&integration.name).await?;
    let view = json!({ "version": table.version, "last_read": table.last_read, "codes": lines });
    output::emit(global.json, &view, || {
        let read = table
            .last_read
            .map_or_else(|| "never read by a run".to_owned(), |at| format!("last read by a run {}", output::moment(Some(at))));
        let mut text = format!("Customer-user assignments: version {}, {read}\n\n", table.version);
        if lines.is_empty() {
            text.push_str(if unmapped {
                "Every code leads to somebody."
            } else {
                "No code is known. The first read brings them: rightful plan"
            });
            return text;
        }
        text.push_str(&output::table(["code", "users", "customers", "stands", "in the source", "perhaps"], lines.iter().map(shown)));
        text
    })?;
    Ok(Exit::Done)
}

fn shown(line: &CodeLine) -> [String; 6] {
    let users: Vec<String> = line.users.iter().map(user).collect();
    let person = line.person.as_ref().map_or_else(String::new, |person| {
        let problems = person.problems.iter().map(rightful_engine::Problem::told);
        let known = std::iter::once(person.name.clone()).chain(person.emails.first().cloned()).filter(|text| !text.is_empty());
        known.chain(problems).collect::<Vec<_>>().join("; ")
    });
    let same = |likeness: &Likeness| if matches!(likeness, Likeness::Name) { "name" } else { "e-mail" };
    let suggestions: Vec<String> =
        line.suggestions.iter().map(|suggestion| format!("{}? (same {})", suggestion.user, same(&suggestion.likeness))).collect();
    [
        line.label.clone(),
        if users.is_empty() { "-".to_owned() } else { users.join(", ") },
        output::number(line.customers),
        format!("{:?}", line.situation).to_lowercase(),
        person,
        suggestions.join(", "),
    ]
}

fn user(named: &Named) -> String {
    match named.situation {
        Situation::Linked => named.typed.clone(),
        other => format!("{} ({})", named.typed, format!("{other:?}").to_lowercase()),
    }
}

/// The edit that `codes set` asks for.
async fn edit(
    ports: &Ports,
    integration: &Integration,
    code: &str,
    users: &[String],
    successors: &[String],
    (blank, remove): (bool, bool),
) -> Result<CodeEdit, Failure> {
    let usage = |message: String, mend: &str| Failure::Error(Error::new(ErrorKind::Config, message).hint(mend), Exit::Usage);
    if code.trim().is_empty() {
        return Err(usage("the code is empty".to_owned(), "name the code as the source spells it"));
    }
    if users.is_empty() && !blank && !remove {
        return Err(usage(format!("no user is named for `{code}`"), "name users, or --blank (known, not mapped yet), or --remove"));
    }
    let mut pairs = Vec::new();
    for pair in successors {
        let (old, new) = pair
            .split_once('=')
            .filter(|(old, new)| !old.is_empty() && !new.is_empty())
            .ok_or_else(|| usage(format!("`{pair}` does not name who takes over from whom"), "write --successor OLD=NEW"))?;
        if !users.iter().any(|user| user == old) {
            return Err(usage(format!("`{old}` is not among the users of `{code}`"), "name the deactivated user among the users too"));
        }
        pairs.push((old, new));
    }
    let people = known_people(ports, integration).await?;
    if people.is_none() {
        output::note("note: the target's users were never read, so the names could not be checked: rightful plan");
    }
    let successor = |user: &str| pairs.iter().find(|(old, _)| *old == user).map(|(_, new)| (*new).to_owned());
    let typed = match (remove, blank) {
        (true, _) => Typed::Remove,
        (false, true) => Typed::Blank,
        (false, false) => Typed::Users(users.iter().map(|user| TypedUser { user: user.clone(), successor: successor(user) }).collect()),
    };
    let edit = typed_edit(code, &typed, &[], people.as_ref())?;
    let known = code_overview(ports, integration).await?;
    if !known.iter().any(|line| line.code == code) {
        let near = nearest(code, known.iter().map(|line| line.code.as_str()));
        let near = near.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
        output::note(&format!("note: no customer carried `{code}` at the last run{near}"));
    }
    Ok(edit)
}

/// Saves edits and says what came of it.
async fn save(
    global: &Global,
    ports: &Ports,
    integration: &Integration,
    edits: &[CodeEdit],
    expect: Option<i64>,
    by: &Authored,
    verdicts: Vec<table_file::Verdict>,
) -> Ended {
    let by = authorship(by)?;
    let before = ports.store.code_table(&integration.name).await?.version;
    let saved = ports.store.save_codes(&integration.name, expect.unwrap_or(before), edits, &by).await?;
    let version = match saved {
        Saved::Version(version) => version,
        Saved::Moved(version) => {
            let error = Error::new(ErrorKind::Conflict, format!("somebody saved the table meanwhile: it has version {version} now"))
                .hint("look at what changed: rightful codes history; then save again with --expect and that version");
            return Err(Failure::Error(error, Exit::Stale));
        }
    };
    let view = json!({ "version": version, "changed": version != before, "rows": verdicts });
    output::emit(global.json, &view, || {
        if version == before {
            return format!("Nothing differs; the table stays at version {version}.");
        }
        format!("Saved as version {version}. No customer has moved: that happens at the next run (rightful run).")
    })?;
    Ok(Exit::Done)
}

struct Import {
    whole: bool,
    good_rows: bool,
    dry_run: bool,
    expect: Option<i64>,
}

async fn import(global: &Global, ports: &Ports, integration: &Integration, file: &Path, options: &Import, by: &Authored) -> Ended {
    let text = read_table(file)?;
    let rows = table_file::rows(&text).map_err(|error| error.context(file.display().to_string()))?;
    let verdicts = table_file::judge(&rows, known_people(ports, integration).await?.as_ref());
    let bad = verdicts.iter().filter(|verdict| !verdict.good).count();
    let stopped = bad > 0 && !options.good_rows;
    if !global.json {
        let rows = verdicts.iter().map(|verdict| {
            let word = if verdict.good { "good" } else { "BAD" };
            [verdict.line.to_string(), verdict.code.clone(), verdict.user.clone(), word.to_owned(), verdict.remark.clone()]
        });
        output::data(&output::table(["line", "code", "user", "verdict", "remark"], rows))?;
    }
    if stopped || options.dry_run {
        let (good, bad) = (output::counted((verdicts.len() - bad) as u64, "good row"), output::counted(bad as u64, "bad one"));
        let view = json!({ "saved": false, "rows": verdicts });
        output::emit(global.json, &view, || {
            let why = if stopped { "correct the bad rows, or save the good ones with --good-rows" } else { "this was a dry run" };
            format!("\n{good}, {bad}. Nothing was saved: {why}.")
        })?;
        return Ok(if stopped { Exit::Error } else { Exit::Done });
    }
    let table = ports.store.code_table(&integration.name).await?;
    let present = options.whole.then(|| table.rows.iter().map(|row| row.row.code.as_str()));
    let edits = table_file::edits(&rows, &verdicts, present.into_iter().flatten());
    save(global, ports, integration, &edits, options.expect, by, verdicts).await
}

/// The text of a table in a file, or on standard input.
///
/// # Errors
/// Where it cannot be read, is too large or no text.
pub fn read_table(file: &Path) -> Result<String, Failure> {
    use std::io::Read as _;
    let shown = file.display();
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(LARGEST + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|opened| opened.take(LARGEST + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| output::io_error(&format!("{shown} cannot be read"), error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(Error::new(ErrorKind::Config, format!("{shown} is larger than a table can be"))
            .hint("split it: 16 MiB at most")
            .into());
    }
    String::from_utf8(bytes)
        .map_err(|_| Error::new(ErrorKind::Config, format!("{shown} is not UTF-8 text")).hint("save it as CSV UTF-8").into())
}

async fn export(global: &Global, ports: &Ports, integration: &Integration, file: Option<&Path>) -> Ended {
    let table = ports.store.code_table(&integration.name).await?;
    let rows: Vec<CodeRow> = table.rows.into_iter().map(|row| row.row).collect();
    let written = table_file::written(&rows)?;
    if let Some(path) = file {
        setup::write_new(path, &written, true)?;
        output::note(&format!("wrote {} (version {})", path.display(), table.version));
    }
    if global.json || file.is_none() {
        output::emit(global.json, &json!({ "version": table.version, "rows": rows }), || written)?;
    }
    Ok(Exit::Done)
}

async fn history(global: &Global, ports: &Ports, integration: &Integration, limit: usize) -> Ended {
    let versions = ports.store.code_versions(&integration.name, limit).await?;
    output::emit(global.json, &versions, || {
        if versions.is_empty() {
            return "The table was never saved.".to_owned();
        }
        let row = |row: &CodeRow| format!("{} -> {}", row.code, row.user.as_deref().unwrap_or("(blank)"));
        let rows = |rows: &[CodeRow]| {
            let shown: Vec<String> = rows.iter().take(5).map(row).collect();
            let more = if rows.len() > 5 { format!(" and {} more", rows.len() - 5) } else { String::new() };
            shown.join(", ") + more.as_str()
        };
        output::table(
            ["version", "when", "by", "reason", "came", "left"],
            versions.iter().map(|version| {
                [
                    version.version.to_string(),
                    output::moment(Some(version.by.at)),
                    version.by.author.clone(),
                    version.by.reason.clone(),
                    rows(&version.added),
                    rows(&version.removed),
                ]
            }),
        )
    })?;
    Ok(Exit::Done)
}
