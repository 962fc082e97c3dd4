//! Who did what, and whether the log of it is whole: `audit`.

use rightful_engine::{AuditFilter, AuditLog as _, ChainVerdict};
use serde_json::{Value as Json, json};

use super::{Ended, kept_store};
use crate::cli::{AuditVerb, Global};
use crate::exit::Exit;
use crate::output;

/// `rightful audit`
pub async fn audit(global: &Global, verb: AuditVerb) -> Ended {
    match verb {
        AuditVerb::Verify { head } => verify(global, head.as_deref()).await,
        AuditVerb::List { limit, actor, action } => list(global, AuditFilter { actor, action, limit, ..AuditFilter::default() }).await,
    }
}

async fn verify(global: &Global, noted: Option<&str>) -> Ended {
    let store = kept_store(global).await?;
    // First the head that was noted: the log only grows meanwhile.
    let found = match noted {
        Some(hash) => Some((hash, store.line_with(hash).await?)),
        None => None,
    };
    let verdict = store.verify().await?;
    let mut document = json!(verdict);
    if let Some((hash, line)) = found {
        document["noted"] = json!({ "head": hash, "line": line });
    }
    let lost = matches!(found, Some((_, None)));
    output::emit(global.json, &document, || {
        let mut text = match &verdict {
            ChainVerdict::Whole { lines, head } => {
                format!("The audit log is whole: {}\nhead {head}\n", output::counted(u64::try_from(*lines).unwrap_or(0), "line"))
            }
            ChainVerdict::Broken { number, why } => format!("The audit log is broken at line {number}: {why}\n"),
        };
        match found {
            Some((_, Some(0))) => text.push_str("The head that was noted is that of an empty log.\n"),
            Some((_, Some(line))) => text.push_str(&format!("The head that was noted is that of line {line}.\n")),
            Some((hash, None)) => {
                text.push_str(&format!(
                    "The head that was noted is not in it: {hash}\nLines were cut off since, or an earlier state was restored.\n"
                ));
            }
            None => {}
        }
        text
    })?;
    Ok(if lost || matches!(verdict, ChainVerdict::Broken { .. }) { Exit::Error } else { Exit::Done })
}

async fn list(global: &Global, filter: AuditFilter) -> Ended {
    let lines = kept_store(global).await?.acts(&filter).await?;
    output::emit(global.json, &lines, || {
        if lines.is_empty() {
            return "There is no such act.".to_owned();
        }
        output::table(
            ["line", "when", "who", "did", "to", "details"],
            lines.iter().map(|line| {
                let act = &line.act;
                [
                    line.number.to_string(),
                    output::moment(Some(act.at)),
                    act.actor.clone(),
                    act.action.clone(),
                    act.object.clone(),
                    details(&act.detail),
                ]
            }),
        )
    })?;
    Ok(Exit::Done)
}

/// Details on one line: `reason: takes over, version: 3`.
fn details(detail: &Json) -> String {
    let plain = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match detail {
        Json::Null => String::new(),
        Json::Object(fields) => fields.iter().map(|(key, value)| format!("{key}: {}", plain(value))).collect::<Vec<_>>().join(", "),
        other => plain(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_one_line() {
        for (detail, told) in [
            (Json::Null, ""),
            (json!({ "reason": "takes over", "version": 3 }), "reason: takes over, version: 3"),
            (json!({ "connections": ["a", "b"] }), r#"connections: ["a","b"]"#),
            (json!("as it was"), "as it was"),
        ] {
            assert_eq!(details(&detail), told);
        }
    }
}
