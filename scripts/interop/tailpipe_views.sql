-- A store's tables under the names that Tailpipe's queries use. {TABLE} is a table of the store: its name in `sawq sql`, a
-- read_parquet(…) in DuckDB.
CREATE OR REPLACE VIEW aws_s3_server_access_log AS SELECT
  concat(source_file, ':', source_line) AS tp_id,
  bucket AS tp_index,
  date AS tp_date,
  time AT TIME ZONE 'UTC' AS tp_timestamp,
  remote_ip AS tp_source_ip,
  list_filter([remote_ip], lambda ip: ip IS NOT NULL) AS tp_ips,
  list_filter([requester, bucket_owner], lambda name: name IS NOT NULL) AS tp_usernames,
  time AT TIME ZONE 'UTC' AS timestamp,
  bucket_owner, bucket, remote_ip, requester, request_id, operation, key, request_uri, http_status, error_code, bytes_sent,
  object_size, total_time, turn_around_time, referer, user_agent, version_id, host_id, signature_version, cipher_suite,
  authentication_type, host_header, tls_version, access_point_arn, acl_required = 'Yes' AS acl_required
FROM {s3_access};

CREATE OR REPLACE VIEW aws_cloudtrail_log AS SELECT
  coalesce(event_id, concat(source_file, ':', source_line)) AS tp_id,
  recipient_account_id AS tp_index,
  date AS tp_date,
  event_time AT TIME ZONE 'UTC' AS tp_timestamp,
  source_ip_address AS tp_source_ip,
  list_filter([source_ip_address], lambda ip: ip IS NOT NULL) AS tp_ips,
  list_filter([user_identity.user_name], lambda name: name IS NOT NULL) AS tp_usernames,
  list_transform(resources, lambda resource: resource['arn']) AS tp_akas,
  event_time AT TIME ZONE 'UTC' AS event_time,
  event_version, event_source, event_name, event_type, event_category, event_id, aws_region, source_ip_address, user_agent,
  user_identity, error_code, error_message, read_only, management_event, recipient_account_id, request_id, shared_event_id,
  api_version, vpc_endpoint_id, session_credential_from_console, tls_details,
  request_parameters::JSON AS request_parameters,
  response_elements::JSON AS response_elements,
  additional_event_data::JSON AS additional_event_data,
  service_event_details::JSON AS service_event_details,
  resources::JSON AS resources
FROM {cloudtrail};

CREATE OR REPLACE VIEW aws_vpc_flow_log AS SELECT
  concat(source_file, ':', source_line) AS tp_id,
  coalesce(account_id, 'default') AS tp_index,
  date AS tp_date,
  coalesce(start, "end") AT TIME ZONE 'UTC' AS tp_timestamp,
  srcaddr AS tp_source_ip,
  dstaddr AS tp_destination_ip,
  list_filter([srcaddr, dstaddr], lambda ip: ip IS NOT NULL) AS tp_ips,
  start AT TIME ZONE 'UTC' AS start_time,
  "end" AT TIME ZONE 'UTC' AS end_time,
  version, account_id, interface_id, srcaddr AS src_addr, dstaddr AS dst_addr, srcport AS src_port, dstport AS dst_port,
  protocol, packets, bytes, action, log_status, vpc_id, subnet_id, instance_id, tcp_flags, type, pkt_srcaddr AS pkt_src_addr,
  pkt_dstaddr AS pkt_dst_addr, region, az_id, flow_direction, traffic_path, reject_reason
FROM {vpc_flow};
