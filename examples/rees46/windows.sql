-- A real morning of a shop: the REES46 events as `millrace send` puts them into the stream `rees46`, one JSON
-- object per row of the CSV file. Every field of a CSV file is text, so every column here is; an empty field
-- is left out and read as NULL. `event_id` is added by `millrace send`.
--
-- Result: for each product and 10 minutes the views, cart adds, purchases, revenue and distinct users, beside
-- the product's category and brand from a catalog table.
--
--   millrace sql -f examples/rees46/windows.sql --name rees46

SET 'pipeline.name' = 'rees46';
-- How long an event_id is remembered, in event time. A copy that comes later than that is no danger: its window
-- is closed by then, so it is dropped as late.
SET 'table.exec.state.ttl' = '1 h';

CREATE TABLE events (
  event_id       STRING,
  event_time     STRING,  -- 2019-10-01 00:00:00 UTC
  event_type     STRING,  -- view, cart or purchase
  product_id     STRING,
  category_id    STRING,
  category_code  STRING,
  brand          STRING,
  price          STRING,
  user_id        STRING,
  user_session   STRING,
  ts             AS TO_TIMESTAMP(SUBSTRING(event_time, 1, 19)),
  arrived        AS PROCTIME(),
  WATERMARK FOR ts AS ts - INTERVAL '60' SECOND
) WITH (
  'connector' = 'kinesis',
  'stream' = 'rees46',
  'source.init.position' = 'TRIM_HORIZON',
  'format' = 'json'
);

CREATE TABLE Rees46Catalog (
  product_id     STRING,
  category_code  STRING,
  brand          STRING,
  PRIMARY KEY (product_id) NOT ENFORCED
) WITH (
  'connector' = 'dynamodb',
  'table-name' = 'Rees46Catalog'
);

CREATE TABLE Rees46Windows (
  product_id     STRING,
  window_start   TIMESTAMP(3),
  window_end     TIMESTAMP(3),
  category_code  STRING,
  brand          STRING,
  views          BIGINT,
  carts          BIGINT,
  purchases      BIGINT,
  revenue        DECIMAL(38, 2),
  users          BIGINT,
  PRIMARY KEY (product_id, window_start) NOT ENFORCED
) WITH (
  'connector' = 'dynamodb',
  'table-name' = 'Rees46Windows'
);

-- An event may be sent twice (a retry after a lost answer): the first one counts. This is Flink's pattern for
-- it: the first row of each event_id in the order of arrival.
CREATE VIEW distinct_events AS
  SELECT event_type, product_id, user_id, price, ts
  FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY arrived ASC) AS copy
    FROM events
  )
  WHERE copy = 1;

INSERT INTO Rees46Windows
SELECT
  w.product_id,
  w.window_start,
  w.window_end,
  c.category_code,
  c.brand,
  w.views,
  w.carts,
  w.purchases,
  w.revenue,
  w.users
FROM (
  SELECT
    product_id,
    window_start,
    window_end,
    COUNT(*) FILTER (WHERE event_type = 'view') AS views,
    COUNT(*) FILTER (WHERE event_type = 'cart') AS carts,
    COUNT(*) FILTER (WHERE event_type = 'purchase') AS purchases,
    COALESCE(SUM(CAST(price AS DECIMAL(10, 2))) FILTER (WHERE event_type = 'purchase'), 0) AS revenue,
    COUNT(DISTINCT user_id) AS users,
    PROCTIME() AS looked_up_at
  FROM TABLE(TUMBLE(TABLE distinct_events, DESCRIPTOR(ts), INTERVAL '10' MINUTE))
  GROUP BY product_id, window_start, window_end
) AS w
LEFT JOIN Rees46Catalog FOR SYSTEM_TIME AS OF w.looked_up_at AS c
  ON w.product_id = c.product_id;
