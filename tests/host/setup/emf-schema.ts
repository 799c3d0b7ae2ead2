import type { Schema } from "@cfworker/json-schema";

const UNIT =
  "^(Seconds|Microseconds|Milliseconds|Bytes|Kilobytes|Megabytes|Gigabytes|Terabytes|Bits|Kilobits|Megabits|Gigabits" +
  "|Terabits|Percent|Count|Bytes/Second|Kilobytes/Second|Megabytes/Second|Gigabytes/Second|Terabytes/Second" +
  "|Bits/Second|Kilobits/Second|Megabits/Second|Gigabits/Second|Terabits/Second|Count/Second|None)$";

/**
 * The embedded metric format's JSON schema, without its examples and titles, as AWS publishes it in the Amazon
 * CloudWatch user guide: "Specification: Embedded metric format".
 */
export const EMF_SCHEMA: Schema = {
  type: "object",
  required: ["_aws"],
  properties: {
    _aws: {
      type: "object",
      required: ["Timestamp", "CloudWatchMetrics"],
      properties: {
        Timestamp: { type: "integer" },
        CloudWatchMetrics: {
          type: "array",
          items: {
            type: "object",
            required: ["Namespace", "Dimensions", "Metrics"],
            properties: {
              Namespace: { type: "string", pattern: "^(.*)$", minLength: 1, maxLength: 1024 },
              Dimensions: {
                type: "array",
                minItems: 1,
                items: {
                  type: "array",
                  minItems: 0,
                  maxItems: 30,
                  items: { type: "string", pattern: "^(.*)$", minLength: 1, maxLength: 250 },
                },
              },
              Metrics: {
                type: "array",
                items: {
                  type: "object",
                  required: ["Name"],
                  properties: {
                    Name: { type: "string", pattern: "^(.*)$", minLength: 1, maxLength: 1024 },
                    Unit: { type: "string", pattern: UNIT },
                    StorageResolution: { type: "integer" },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
};
