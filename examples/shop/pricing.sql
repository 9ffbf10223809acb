-- The shop's pipeline: clicks and orders in, demand for each product out.
--
-- It reads two sources: the stream `clickstream` (what visitors do) and the change feed of the table `Orders`
-- (what they bought). It keeps two tables up to date:
--   ProductDemand   one row per product, replaced within milliseconds of a click: how much interest there is now
--   ProductWindows  one row per product and minute-long window: exact counts, written once, when the window is over
-- A pricing function is called for each change of ProductDemand.
--
--   millrace sql -f examples/shop/pricing.sql --name pricing
--
-- The dialect is Flink's; docs/sql.md says what is ours.

SET 'pipeline.name' = 'pricing';

-- 1. Sources ------------------------------------------------------------------------------------------------

-- What a visitor did, as one JSON object per record. `event_ms` is when it happened on the visitor's side.
-- The watermark says how late an event may be: once an event of 12:00:10 was seen, nothing before 12:00:08 is
-- expected any more. A shard that is silent for a second is not waited for.
CREATE TABLE clicks (
  event_id    STRING,
  event_type  STRING,          -- 'view', 'cart' or 'purchase'
  product_id  STRING,
  visitor_id  STRING,
  event_ms    BIGINT,
  price       DECIMAL(10, 2),  -- that the visitor saw
  event_time  AS TO_TIMESTAMP_LTZ(event_ms, 3),
  WATERMARK FOR event_time AS event_time - INTERVAL '2' SECOND
) WITH (
  'connector' = 'kinesis',
  'stream' = 'clickstream',
  'source.init.position' = 'TRIM_HORIZON',
  'scan.watermark.idle-timeout' = '1 s',
  'format' = 'json'
);

-- What was bought: the table `Orders`, row by row as it grows. Orders are only ever added, so 'insert-only'
-- holds; it lets the queries below use MIN, MAX and DISTINCT.
CREATE TABLE orders (
  order_id    STRING,
  product_id  STRING,
  visitor_id  STRING,
  quantity    BIGINT,
  unit_price  DECIMAL(10, 2),
  ordered_ms  BIGINT,
  ordered_at  AS TO_TIMESTAMP_LTZ(ordered_ms, 3),
  PRIMARY KEY (order_id) NOT ENFORCED,
  WATERMARK FOR ordered_at AS ordered_at - INTERVAL '2' SECOND
) WITH (
  'connector' = 'dynamodb-streams',
  'table-name' = 'Orders',
  'scan.changelog-mode' = 'insert-only',
  'scan.watermark.idle-timeout' = '1 s'
);

-- 2. What the stream is joined with -------------------------------------------------------------------------

CREATE TABLE ProductCatalog (
  product_id  STRING,
  name        STRING,
  category    STRING,
  list_price  DECIMAL(10, 2),
  stock       BIGINT,
  PRIMARY KEY (product_id) NOT ENFORCED
) WITH (
  'connector' = 'dynamodb',
  'table-name' = 'ProductCatalog'
);

-- 3. Results ------------------------------------------------------------------------------------------------

-- Counts that fade: an event counts 1 when it happens and half of that a half-life later. The fast ones
-- (5 seconds) follow a rush, the slow ones (a minute) are what is usual; their ratio is what pricing looks at.
-- All are as of `last_event_ms`; at a later time t they are smaller by 2^-((t - last_event_ms) / half-life).
CREATE TABLE ProductDemand (
  product_id      STRING,
  name            STRING,
  category        STRING,
  list_price      DECIMAL(10, 2),
  stock           BIGINT,
  views           DOUBLE,
  cart_adds       DOUBLE,
  units           DOUBLE,
  slow_views      DOUBLE,
  slow_cart_adds  DOUBLE,
  slow_units      DOUBLE,
  first_event_ms  BIGINT,
  last_event_ms   BIGINT,
  PRIMARY KEY (product_id) NOT ENFORCED
) WITH (
  'connector' = 'dynamodb',
  'table-name' = 'ProductDemand'
);

CREATE TABLE ProductWindows (
  product_id    STRING,
  window_start  TIMESTAMP(3),
  window_end    TIMESTAMP(3),
  views         BIGINT,
  cart_adds     BIGINT,
  visitors      BIGINT,
  units         BIGINT,
  revenue       DECIMAL(38, 2),
  PRIMARY KEY (product_id, window_start) NOT ENFORCED
) WITH (
  'connector' = 'dynamodb',
  'table-name' = 'ProductWindows'
);

-- 4. The queries --------------------------------------------------------------------------------------------

-- Clicks and orders as one stream. Purchases in the clickstream are left out: the order is the fact, the click
-- only says that somebody pressed the button. A click buys nothing: its quantity is 0.
CREATE VIEW activity AS
  SELECT
    event_type AS kind,
    product_id,
    visitor_id,
    CAST(0 AS BIGINT) AS quantity,
    CAST(0 AS DECIMAL(10, 2)) AS unit_price,
    event_ms,
    event_time
  FROM clicks
  WHERE event_type IN ('view', 'cart')
  UNION ALL
  SELECT 'order', product_id, visitor_id, quantity, unit_price, ordered_ms, ordered_at
  FROM orders;

-- Both INSERTs are one job: the sources are read once, and everything that a batch changes (rows, state,
-- positions) is committed together, exactly once.
EXECUTE STATEMENT SET BEGIN

-- Demand: a GROUP BY without a window never ends; each batch replaces the rows of the products it touched.
-- Then the catalog's columns are looked up as they are at that moment. A product that is not in the catalog
-- keeps its row (LEFT JOIN), with NULL for what is not known.
INSERT INTO ProductDemand
SELECT
  demand.product_id,
  catalog.name,
  catalog.category,
  catalog.list_price,
  catalog.stock,
  demand.views,
  demand.cart_adds,
  demand.units,
  demand.slow_views,
  demand.slow_cart_adds,
  demand.slow_units,
  demand.first_event_ms,
  demand.last_event_ms
FROM (
  SELECT
    product_id,
    DECAYED_COUNT(event_time, INTERVAL '5' SECOND) FILTER (WHERE kind = 'view') AS views,
    DECAYED_COUNT(event_time, INTERVAL '5' SECOND) FILTER (WHERE kind = 'cart') AS cart_adds,
    DECAYED_SUM(quantity, event_time, INTERVAL '5' SECOND) FILTER (WHERE kind = 'order') AS units,
    DECAYED_COUNT(event_time, INTERVAL '60' SECOND) FILTER (WHERE kind = 'view') AS slow_views,
    DECAYED_COUNT(event_time, INTERVAL '60' SECOND) FILTER (WHERE kind = 'cart') AS slow_cart_adds,
    DECAYED_SUM(quantity, event_time, INTERVAL '60' SECOND) FILTER (WHERE kind = 'order') AS slow_units,
    MIN(event_ms) AS first_event_ms,
    MAX(event_ms) AS last_event_ms,
    PROCTIME() AS looked_up_at
  FROM activity
  GROUP BY product_id
) AS demand
LEFT JOIN ProductCatalog FOR SYSTEM_TIME AS OF demand.looked_up_at AS catalog
  ON demand.product_id = catalog.product_id;

-- Windows: the last minute, every ten seconds. A window's rows are written when the watermark has passed its
-- end; they never change after that.
INSERT INTO ProductWindows
SELECT
  product_id,
  window_start,
  window_end,
  COUNT(*) FILTER (WHERE kind = 'view') AS views,
  COUNT(*) FILTER (WHERE kind = 'cart') AS cart_adds,
  COUNT(DISTINCT visitor_id) AS visitors,
  SUM(quantity) AS units,
  SUM(quantity * unit_price) AS revenue
FROM TABLE(HOP(TABLE activity, DESCRIPTOR(event_time), INTERVAL '10' SECOND, INTERVAL '1' MINUTE))
GROUP BY product_id, window_start, window_end;

END;
