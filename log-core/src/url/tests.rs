//! Which URLs are taken, where they lead, and what is said of the others.

use super::*;
use crate::explain;
use object_store::ObjectStoreExt as _;
use std::fs;
use tempfile::TempDir;

fn refused(url: &str) -> String {
    explain(&open_store(url).unwrap_err())
}

#[tokio::test]
async fn a_folder_is_the_stream() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().canonicalize().unwrap().join("deep/a");
    let url = format!("file://{}", path.display());
    assert!(refused(&url).contains("there is no folder"));
    assert!(!path.exists(), "reading makes nothing");
    let (store, prefix) = create_store(&url).unwrap();
    assert_eq!(prefix, "a");
    store
        .put(&Path::from("a/tail/0000/x"), "1".into())
        .await
        .unwrap();
    assert!(path.join("tail/0000/x").exists());
    for same in [url.clone() + "/", path.display().to_string()] {
        let (store, prefix) = open_store(&same).unwrap();
        let object = Path::from(format!("{prefix}/tail/0000/x"));
        assert!(store.head(&object).await.is_ok(), "{same}");
    }
    same_url_checks(&url).await;
}

async fn same_url_checks(url: &str) {
    let parsed: StreamUrl = url.parse().unwrap();
    parsed.check().await.unwrap();
    assert_eq!(parsed.to_string(), url);
}

#[tokio::test]
async fn a_folder_whose_name_objects_cannot_have_is_its_own_root() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("50% é");
    let (store, prefix) = create_store(path.to_str().unwrap()).unwrap();
    assert_eq!(prefix, "");
    store.put(&Path::from("x"), "1".into()).await.unwrap();
    assert!(path.join("x").exists());
}

#[test]
fn folders_that_cannot_be_are_refused_with_a_reason() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let url = format!("file://{}", path.display());
        assert!(
            refused(&url).contains("is not a folder"),
            "{}",
            refused(&url)
        );
        let created = explain(&create_store(&url).unwrap_err());
        assert!(created.contains("is not a folder"), "{created}");
    }
    assert!(refused("file://tmp/a").contains("three slashes"));
    assert!(refused("file:tmp/a").contains("relative"));
    assert!(refused("logs/a").contains("relative"));
    assert!(refused("").contains("relative"));
    assert!(refused("file:///tmp/a%20b").contains("percent"));
    assert!(refused("file:///tmp/a?x=1").contains("query"));
    assert!(refused("/tmp/../etc").contains(".."));
}

#[tokio::test]
async fn memory_is_one_place_for_the_process() {
    let (first, prefix) = create_store("memory:url-test/streams/activity").unwrap();
    assert_eq!(prefix, "url-test/streams/activity");
    first.put(&Path::from("x"), "1".into()).await.unwrap();
    let (second, _) = open_store("memory://url-test/other").unwrap();
    assert!(second.head(&Path::from("x")).await.is_ok());
    let (third, _) = open_store("memory:url-test-2").unwrap();
    assert!(third.head(&Path::from("x")).await.is_err());
    assert!(refused("memory:a//b").contains("empty or dotted"));
}

#[test]
fn buckets_and_schemes_are_checked() {
    assert!(refused("ftp://host/x").contains("unknown scheme \"ftp\""));
    assert!(refused("https://host/logs").contains("unknown scheme"));
    for url in ["gs://", "s3:", "az:///prefix"] {
        assert!(refused(url).contains("names no bucket"), "{url}");
    }
    assert!(refused("s3://user@bucket/a").contains("plain name"));
    assert!(refused("gs://bucket/a/../b").contains("dotted"));
    assert!(refused("gs://bucket/a%2fb").contains("escape"));
    let parsed: StreamUrl = "gs://bucket/streams/activity/".parse().unwrap();
    let place = Place::Cloud {
        cloud: Cloud::Google,
        bucket: "bucket".into(),
        prefix: "streams/activity".into(),
    };
    assert_eq!(parsed.place, place);
}

#[cfg(not(feature = "cloud"))]
#[test]
fn without_clouds_that_is_what_is_said() {
    assert!(refused("gs://bucket/a").contains("feature `cloud`"));
}

#[cfg(feature = "cloud")]
#[tokio::test]
async fn clients_of_clouds_can_be_made() {
    for url in ["gs://bucket/streams/a", "s3://bucket/streams/a"] {
        let (_, prefix) = open_store(url).unwrap();
        assert_eq!(prefix, "streams/a");
    }
    // An account has to be named, and who did not learns it.
    if std::env::var_os("AZURE_STORAGE_ACCOUNT_NAME").is_none() {
        let error = refused("az://container/a");
        assert!(
            error.contains("AZURE_") && error.contains("ccount"),
            "{error}"
        );
    }
}
