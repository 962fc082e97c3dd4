//! The configuration's shape as a JSON Schema, for editors: made from the same keys that are read.

use rightful_core::{Descriptor, Setting, SettingType};
use serde_json::{Map, Value as Json, json};

use super::keys;

/// The schema of a configuration for these connectors.
pub fn schema(descriptors: &[&Descriptor]) -> Json {
    let mut top = object(keys::TOP.iter());
    let vendors: Vec<Json> = descriptors.iter().map(|descriptor| connection(descriptor)).collect();
    let any = if vendors.is_empty() { json!(false) } else { json!({ "oneOf": vendors }) };
    top["properties"]["connections"] =
        json!({ "type": "object", "description": "Accounts at vendors, by name.", "additionalProperties": any });
    top["properties"]["integrations"] = json!({
        "type": "object",
        "description": "Which connection decides for which, by name.",
        "additionalProperties": { "oneOf": keys::JOBS.iter().map(|job| integration(job)).collect::<Vec<_>>() },
    });
    let mut alarms = object(keys::ALARMS.iter());
    alarms["description"] = json!("When something counts as wrong, and who is told.");
    let to = &mut alarms["properties"]["mail"]["properties"]["to"];
    *to = json!({ "oneOf": [to.take(), { "type": "array", "items": { "type": "string" }, "minItems": 1 }] });
    top["properties"]["alarms"] = alarms;
    top["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    top["title"] = json!("Rightful's configuration");
    top
}

/// An integration of one job.
fn integration(job: &str) -> Json {
    let mut schema = object(keys::of_job(job));
    schema["properties"]["job"] = json!({ "const": job });
    for (key, least) in [(keys::MATCH.key, 1), (keys::GATES.key, 0)] {
        if let Some(words) = schema["properties"].get_mut(key) {
            *words = json!({ "oneOf": [words.take(), { "type": "array", "items": { "type": "string" }, "minItems": least }] });
        }
    }
    if keys::credits(job) {
        schema["properties"]["account"] = table("What an account is made of.", json!({ "set": set() }), &[]);
        let workflow = table("Which records are credited, and as what.", workflow(), &["object", "figures"]);
        schema["properties"]["workflows"] =
            json!({ "type": "object", "description": "Workflows by name.", "additionalProperties": workflow });
    }
    schema
}

fn table(about: &str, properties: Json, required: &[&str]) -> Json {
    json!({ "type": "object", "description": about, "additionalProperties": false, "properties": properties, "required": required })
}

/// Target fields and where their values come from.
fn set() -> Json {
    let from = |key: &str, value: Json| json!({ "type": "object", "additionalProperties": false, "required": [key], "properties": { key: value } });
    let plain = json!({ "type": ["string", "number", "boolean"] });
    json!({
        "type": "object",
        "description": "The target's fields; a name with a dot is quoted.",
        "additionalProperties": { "oneOf": [plain, from("field", json!({ "type": "string" })), from("email", json!({ "const": true }))] },
    })
}

fn workflow() -> Json {
    let test = json!({ "type": "object", "additionalProperties": false, "properties": {
        "not": {}, "at_least": {}, "at_most": {}, "filled": { "const": true }, "empty": { "const": true },
    } });
    let owner = json!({ "oneOf": [{ "type": "string" }, { "type": "object", "additionalProperties": false, "required": ["field"],
        "properties": { "field": { "type": "string" } } }] });
    let figure = table("One record of the target.", json!({ "owner": owner, "set": set() }), &["set"]);
    json!({
        "object": { "type": "string", "description": "The source kind." },
        "triggers": { "type": "array", "items": { "enum": ["create", "update", "delete"] }, "default": ["create", "update", "delete"] },
        "active": { "type": "boolean", "default": true },
        "when": { "type": "object", "description": "What the record's fields have to hold.",
            "additionalProperties": { "oneOf": [{ "type": ["string", "number", "boolean", "array"] }, test] } },
        "figures": { "type": "object", "description": "What is written, by name.", "additionalProperties": figure, "minProperties": 1 },
    })
}

fn connection(descriptor: &Descriptor) -> Json {
    let mut schema = object(keys::CONNECTION.iter().chain(descriptor.settings));
    schema["title"] = json!(descriptor.name);
    schema["properties"]["vendor"] = json!({ "const": descriptor.id.as_str() });
    schema
}

/// An object with these settings; a dotted key is a table in a table.
fn object<'a>(settings: impl Iterator<Item = &'a Setting>) -> Json {
    let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": {} });
    for setting in settings {
        let mut place = &mut schema;
        let mut parts = setting.key.split('.').peekable();
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none();
            if last && setting.required {
                required(place, part);
            }
            let Some(properties) = place["properties"].as_object_mut() else { break };
            if last {
                properties.insert(part.to_owned(), value(setting));
                break;
            }
            let below = properties.entry(part).or_insert_with(|| json!({}));
            place = table_of(below);
        }
    }
    schema
}

/// The table inside a property; where the property is a plain value, either may be given.
fn table_of(property: &mut Json) -> &mut Json {
    let fresh = || json!({ "type": "object", "additionalProperties": false, "properties": {} });
    if property.get("properties").is_some() || property.as_object().is_some_and(Map::is_empty) {
        if property.get("properties").is_none() {
            *property = fresh();
        }
        return property;
    }
    if property.get("oneOf").is_none() {
        let plain = property.take();
        *property = json!({ "oneOf": [plain, fresh()] });
    }
    &mut property["oneOf"][1]
}

fn required(schema: &mut Json, key: &str) {
    match schema.get_mut("required").and_then(Json::as_array_mut) {
        Some(list) => list.push(json!(key)),
        None => schema["required"] = json!([key]),
    }
}

fn value(setting: &Setting) -> Json {
    let mut schema = match setting.takes {
        SettingType::Text => json!({ "type": "string" }),
        SettingType::Url => json!({ "type": "string", "format": "uri" }),
        SettingType::Bool => json!({ "type": "boolean" }),
        SettingType::Integer => json!({ "type": "integer", "minimum": 0 }),
        SettingType::Choice(words) => json!({ "enum": words }),
        SettingType::Secret => {
            let way = |key: &str, value: Json| json!({ "type": "object", "additionalProperties": false, "required": [key], "properties": { key: value } });
            json!({ "oneOf": [
                way("env", json!({ "type": "string" })),
                way("file", json!({ "type": "string" })),
                way("command", json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 })),
            ] })
        }
    };
    schema["description"] = json!(setting.about);
    if let Some(default) = setting.default {
        schema["default"] = match setting.takes {
            SettingType::Bool => json!(default == "true"),
            SettingType::Integer => default.parse::<i64>().map_or(Json::Null, Json::from),
            _ => json!(default),
        };
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::connectors;

    #[test]
    fn every_key_is_in_the_schema_at_its_place() {
        let descriptors: Vec<&Descriptor> = connectors().collect();
        let schema = schema(&descriptors);
        let jobs = &schema["properties"]["integrations"]["additionalProperties"]["oneOf"];
        let integration = &jobs[0];
        assert_eq!(integration["required"], json!(["job", "source", "target"]));
        assert_eq!(integration["properties"]["caps"]["properties"]["owner_moves"]["properties"]["percent"]["default"], json!(20));
        assert_eq!(integration["properties"]["no_match"]["oneOf"][0]["enum"], json!(["leave", "hold", "clear"]));
        assert_eq!(integration["properties"]["no_match"]["oneOf"][1]["properties"]["fallback"]["type"], json!("string"));
        for (place, job) in keys::JOBS.iter().enumerate() {
            assert_eq!(jobs[place]["properties"]["job"], json!({ "const": job }));
            let credits = jobs[place]["properties"].get("workflows").is_some();
            assert_eq!((credits, jobs[place]["properties"].get("code").is_some()), (keys::credits(job), *job == "rep-codes"), "{job}");
            let ways = jobs[place]["properties"].get("match").map(|ways| [&ways["oneOf"][0]["type"], &ways["oneOf"][1]["type"]]);
            assert_eq!(ways, (*job != "rep-codes").then_some([&json!("string"), &json!("array")]), "{job}");
        }
        let beside: Vec<&String> = schema["properties"]["integrations"]["additionalProperties"].as_object().unwrap().keys().collect();
        assert_eq!(beside, ["oneOf"], "what stands beside it would hold for every job");
        let words = |place: usize| &jobs[place]["properties"]["no_match"]["oneOf"][0]["enum"];
        assert_eq!((words(1), words(3)), (&json!(["leave", "hold", "clear"]), &json!(["leave", "hold"])));
        let workflow = &jobs[3]["properties"]["workflows"]["additionalProperties"]["properties"];
        assert_eq!(workflow["figures"]["additionalProperties"]["properties"]["set"]["type"], json!("object"));
        let alarms = &schema["properties"]["alarms"]["properties"];
        assert_eq!(alarms["webhook"]["properties"]["secret"]["oneOf"].as_array().map(Vec::len), Some(3));
        assert_eq!(alarms["mail"]["properties"]["to"]["oneOf"][1]["type"], json!("array"));
        for (place, descriptor) in descriptors.iter().enumerate() {
            let connection = &schema["properties"]["connections"]["additionalProperties"]["oneOf"][place];
            for setting in descriptor.settings {
                assert!(connection["properties"].get(setting.key).is_some(), "{} lacks {}", descriptor.id, setting.key);
            }
        }
    }
}
