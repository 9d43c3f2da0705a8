//! The test server for GCS, held against `object_store`'s own conformance suite through its real client.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use object_store::gcp::GoogleCloudStorage;
use object_store::integration;
use object_store::path::Path;
use object_store::{Error, ObjectStore as _, ObjectStoreExt as _, PutMode};
use peers::gcs::{Fault, Gcs};
use std::time::Duration;

const BUCKET: &str = "tested";

async fn start() -> (Gcs, GoogleCloudStorage) {
    let gcs = Gcs::start(&[BUCKET]).await.unwrap();
    let store = gcs.store(BUCKET).unwrap();
    (gcs, store)
}

#[tokio::test]
async fn conforms_in_reads_and_listings() {
    let (_gcs, store) = start().await;
    integration::put_get_delete_list(&store).await;
    integration::list_with_offset_exclusivity(&store).await;
    integration::list_uses_directories_correctly(&store).await;
    integration::list_with_delimiter(&store).await;
    integration::list_paginated(&store, &store).await;
    integration::get_opts(&store).await;
    integration::put_get_attributes(&store).await;
    let missing = integration::get_nonexistent_object(&store, None).await;
    assert!(
        matches!(missing, Err(Error::NotFound { .. })),
        "{missing:?}"
    );
}

#[tokio::test]
async fn conforms_in_conditional_writes() {
    let (_gcs, store) = start().await;
    integration::put_opts(&store, true).await;
    integration::rename_and_copy(&store).await;
    integration::copy_if_not_exists(&store).await;
    integration::copy_rename_nonexistent_object(&store).await;
}

#[tokio::test]
async fn conforms_in_uploads_of_parts() {
    let (_gcs, store) = start().await;
    integration::stream_get(&store).await;
    integration::multipart(&store, &store).await;
    integration::multipart_with_opts(&store, &store).await;
    integration::multipart_put_part_out_of_order(&store, &store).await;
    integration::multipart_race_condition(&store, true).await;
    integration::multipart_out_of_order(&store).await;
}

#[tokio::test]
async fn conforms_in_extensions() {
    let gcs = Gcs::start(&[BUCKET]).await.unwrap();
    let store = gcs
        .client(BUCKET)
        .with_http_connector(integration::MarkerHttpConnector::default())
        .build()
        .unwrap();
    integration::response_extensions(&store, true).await;
}

#[tokio::test]
async fn conforms_without_tokens() {
    let gcs = Gcs::start_open(&[BUCKET]).await.unwrap();
    let store = gcs.store(BUCKET).unwrap();
    integration::put_get_delete_list(&store).await;
    integration::put_opts(&store, true).await;
}

#[tokio::test]
async fn a_token_of_another_key_is_refused() {
    let (gcs, store) = start().await;
    let path = Path::from("a");
    store.put(&path, "a".into()).await.unwrap();
    let other = Gcs::start(&[]).await.unwrap();
    let mut account = other.account();
    account["gcs_base_url"] = gcs.account()["gcs_base_url"].clone();
    let thief = gcs.client_with(BUCKET, &account).build().unwrap();
    let read = thief.get(&path).await.unwrap_err();
    assert!(matches!(read, Error::Unauthenticated { .. }), "{read}");
    let written = thief.put(&path, "b".into()).await.unwrap_err();
    assert!(
        matches!(written, Error::Unauthenticated { .. }),
        "{written}"
    );
    let there = store.get(&path).await.unwrap().bytes().await.unwrap();
    assert_eq!(there, "a");
}

#[tokio::test]
async fn a_bucket_that_is_missing_is_told() {
    let (gcs, _) = start().await;
    let store = gcs.store("missing").unwrap();
    let path = Path::from("a");
    for error in [
        store.get(&path).await.unwrap_err(),
        store.put(&path, "a".into()).await.unwrap_err(),
        store.delete(&path).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
        assert!(error.to_string().contains("404"), "{error}");
    }
}

/// What a create meets, and what it leaves: the answer, and whether the object is there.
async fn create_under(faults: Vec<Fault>) -> (Result<(), Error>, bool) {
    let gcs = Gcs::start_open(&[BUCKET]).await.unwrap();
    let store = gcs.store(BUCKET).unwrap();
    gcs.faults().push(&http::Method::PUT, faults);
    let path = Path::from("a");
    let made = store
        .put_opts(&path, "a".into(), PutMode::Create.into())
        .await;
    assert_eq!(gcs.faults().waiting(), 0, "every fault is met");
    (made.map(drop), !gcs.objects(BUCKET).is_empty())
}

#[tokio::test]
async fn faults_do_what_they_say() {
    use Fault::{Delay, LoseAnswer, LoseRequest, Pass, Refuse, RefuseAfterwards};
    let delay = Delay(Duration::from_millis(10));
    for faults in [
        vec![Pass],
        vec![delay],
        // The client tries again, and one that is dropped unheard was not served.
        vec![Refuse(503), Refuse(429)],
        vec![LoseRequest, LoseRequest],
    ] {
        let (made, there) = create_under(faults.clone()).await;
        assert!(made.is_ok() && there, "{faults:?}: {made:?}");
    }
    for faults in [vec![Refuse(503); 3], vec![LoseRequest; 3]] {
        let (made, there) = create_under(faults.clone()).await;
        assert!(made.is_err() && !there, "{faults:?}: {made:?}");
    }
    // The client's own second try finds its first: the caller sees a conflict that is none.
    for faults in [vec![RefuseAfterwards(503)], vec![LoseAnswer]] {
        let (made, there) = create_under(faults.clone()).await;
        let echo = matches!(made, Err(Error::AlreadyExists { .. }));
        assert!(echo && there, "{faults:?}: {made:?}");
    }
    // It gives up, and the object is there all the same.
    let (made, there) = create_under(vec![LoseAnswer; 3]).await;
    let unsure = matches!(made, Err(Error::Generic { .. }));
    assert!(unsure && there, "{made:?}");
}
