//! A composition takes connections up as they are changed in the console, or leaves all of them as they were.

use rightful_core::{SettingType, Settings};
use rightful_engine::{Act, ConnectionEdit, Kept};

use super::*;
use crate::registry::connectors;

/// A source of the file with its required settings at their examples, and an integration whose target is entered in the console.
fn text() -> String {
    let descriptor = connectors().find(|descriptor| descriptor.id == "sage-intacct").expect("it is compiled in");
    let quoted = |setting: &rightful_core::Setting| match setting.takes {
        SettingType::Bool | SettingType::Integer | SettingType::Secret => setting.example.to_owned(),
        _ => format!("{:?}", setting.example),
    };
    let required = descriptor.settings.iter().filter(|setting| setting.required);
    let settings: String = required.map(|setting| format!("{} = {}\n", setting.key, quoted(setting))).collect();
    format!(
        "[connections.erp]\nvendor = \"sage-intacct\"\n{settings}[integrations.a]\njob = \"rep-codes\"\nsource = \"erp\"\ntarget = \"field\"\n"
    )
}

async fn put(store: &SqliteStore, name: &str, vendor: &str, instance: &str, revision: i64) {
    let settings = Settings::new([("instance", instance.into())]);
    let edit = ConnectionEdit { name: name.into(), vendor: vendor.into(), settings, secrets: vec![] };
    let act = Act::new(chrono::Utc::now(), "ann", "connection.save", name);
    assert_eq!(store.put_connection(revision, &edit, &act).await.expect("the store takes it"), Kept::Done(revision + 1));
}

fn standing(composition: &Composition) -> Vec<(String, String)> {
    let told = |connection: &ConnectionConfig| (connection.name.to_string(), format!("{:?}", connection.settings));
    composition.connections().values().map(told).collect()
}

#[tokio::test]
async fn changed_connections_are_taken_up_where_they_fit_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = ConfigFile::new(text(), &folder.path().join("rightful.toml"));
    Composition::open(file.clone()).await.expect_err("nobody entered `field`");
    assert!(!folder.path().join("rightful.db").exists(), "a file with a problem makes no store");
    let store = SqliteStore::open(&folder.path().join("rightful.db")).unwrap();
    put(&store, "field", "skynamo", "acme", 0).await;
    let composition = Composition::open(file).await.unwrap();
    let opened = standing(&composition);
    assert_eq!(opened.len(), 2, "{opened:?}");
    // One that is changed, and one that comes.
    put(&store, "field", "skynamo", "acme-test", 1).await;
    put(&store, "spare", "skynamo", "spare", 0).await;
    assert_eq!(standing(&composition), opened, "until it is asked to look");
    composition.reload().await.unwrap();
    let taken_up = standing(&composition);
    assert!(taken_up.len() == 3 && taken_up[1].1.contains("acme-test"), "{taken_up:?}");
    assert_eq!(composition.connections()["field"].secrets, SecretSource::Sealed(vec![], 2));
    // What does not fit leaves all as they were: another vendor below an integration, a name of the file, one that an integration needs.
    let remove = |name: &'static str| {
        let store = store.clone();
        async move { store.remove_connection(&name.into(), &Act::new(chrono::Utc::now(), "ann", "connection.remove", name)).await.unwrap() }
    };
    put(&store, "erp", "skynamo", "acme", 0).await;
    let error = composition.reload().await.unwrap_err();
    assert!(error.to_string().contains("`erp` stands here and was entered in the console too") && error.mend().is_some(), "{error:?}");
    assert!(remove("erp").await);
    put(&store, "field", "sage-intacct", "acme", 2).await;
    composition.reload().await.expect_err("an integration stands on the former vendor");
    assert!(remove("field").await);
    let error = composition.reload().await.unwrap_err();
    assert!(error.to_string().contains("there is no connection `field`"), "{error}");
    assert_eq!(standing(&composition), taken_up);
    put(&store, "field", "skynamo", "again", 0).await;
    assert!(remove("spare").await);
    composition.reload().await.unwrap();
    assert_eq!(standing(&composition).len(), 2);
}
