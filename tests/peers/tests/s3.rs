//! MinIO, a real S3 server, held against `object_store`'s conformance suite: what the log relies on there.
//!
//! Two tests of the suite are left out, for what MinIO cannot:
//! * `copy_if_not_exists`: S3 has no such request, and MinIO not the header that some stores have instead;
//! * `copy_rename_nonexistent_object`: it ends with a `copy_if_not_exists`.
//!
//! The log copies nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use object_store::aws::AmazonS3;
use object_store::{Error, integration};
use peers::minio::{self, Minio};

const BUCKET: &str = "tested";

async fn start() -> (Minio, AmazonS3) {
    let server = Minio::start(BUCKET).await.unwrap();
    let store = minio::store(&server.endpoint(), BUCKET).unwrap();
    (server, store)
}

#[tokio::test]
async fn conforms_in_reads_listings_and_conditional_writes() {
    let (_server, store) = start().await;
    integration::put_get_delete_list(&store).await;
    integration::list_with_offset_exclusivity(&store).await;
    integration::list_uses_directories_correctly(&store).await;
    integration::list_with_delimiter(&store).await;
    integration::list_paginated(&store, &store).await;
    integration::get_opts(&store).await;
    integration::put_get_attributes(&store).await;
    integration::put_opts(&store, true).await;
    integration::rename_and_copy(&store).await;
    let missing = integration::get_nonexistent_object(&store, None).await;
    assert!(
        matches!(missing, Err(Error::NotFound { .. })),
        "{missing:?}"
    );
}

#[tokio::test]
async fn conforms_in_uploads_of_parts_and_extensions() {
    let (server, store) = start().await;
    integration::stream_get(&store).await;
    integration::multipart(&store, &store).await;
    integration::multipart_with_opts(&store, &store).await;
    integration::multipart_put_part_out_of_order(&store, &store).await;
    integration::multipart_race_condition(&store, true).await;
    integration::multipart_out_of_order(&store).await;
    let marked = minio::client(&server.endpoint(), BUCKET)
        .with_http_connector(integration::MarkerHttpConnector::default())
        .build()
        .unwrap();
    integration::response_extensions(&marked, true).await;
}
