{{- /* What the operator is told: variables that follow from the values, and those of extraEnv, which replace none. */ -}}
{{- define "cbbot.environment" -}}
{{- $own := include "cbbot.ownEnvironment" . -}}
{{- $names := list -}}
{{- range fromYamlArray $own }}{{ $names = append $names .name }}{{ end -}}
{{- range .Values.extraEnv -}}
{{- if has .name $names -}}
{{- fail (printf "extraEnv: %s is there already; the chart's own variables are set by its values, and a name stands once" .name) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{ $own }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* The API server drops a value that is empty: written, it would be a change at every kubectl apply. */ -}}
{{- define "cbbot.ownEnvironment" -}}
- name: CBBOT_BOT_IMAGE
  value: {{ include "cbbot.image" (list . "bot") | quote }}
- name: CBBOT_BRIDGE_IMAGE
  value: {{ include "cbbot.image" (list . "bridge") | quote }}
- name: CBBOT_IMAGE_PULL_SECRETS
  {{- with include "cbbot.pullSecrets" . }}
  value: {{ . | quote }}
  {{- end }}
- name: CBBOT_NAMESPACES
  value: {{ include "cbbot.namespaces" . | quote }}
- name: CBBOT_WATCH_SECRETS
  value: {{ include "cbbot.watchSecrets" . | default "false" | quote }}
- name: CBBOT_MONITOR_LABELS
  {{- with include "cbbot.labelList" .Values.monitoring.labels }}
  value: {{ . | quote }}
  {{- end }}
- name: CBBOT_SCRAPER_NAMESPACES
  {{- with include "cbbot.labelList" .Values.monitoring.namespaceSelector }}
  value: {{ . | quote }}
  {{- end }}
- name: CBBOT_SCRAPER_PODS
  {{- with include "cbbot.labelList" .Values.monitoring.podSelector }}
  value: {{ . | quote }}
  {{- end }}
- name: CBBOT_EGRESS_LIMITED
  value: {{ .Values.networkPolicy.egress.enabled | quote }}
- name: CBBOT_EGRESS_CIDRS
  {{- with join "," .Values.networkPolicy.egress.cidrs }}
  value: {{ . | quote }}
  {{- end }}
- name: CBBOT_EGRESS_PORTS
  value: {{ join "," .Values.networkPolicy.egress.ports | quote }}
- name: CBBOT_POD_USER
  value: {{ include "cbbot.text" (default 0 .Values.podSecurityContext.runAsUser) | quote }}
- name: CBBOT_IP_FAMILY_POLICY
  {{- with include "cbbot.ipFamilyPolicy" . }}
  value: {{ . | quote }}
  {{- end }}
- name: CBBOT_LEASE_NAME
  value: {{ include "cbbot.operator" . | quote }}
- name: CBBOT_WORKERS
  value: {{ .Values.operator.workers | quote }}
- name: CBBOT_RESYNC_SECONDS
  value: {{ .Values.operator.resyncSeconds | quote }}
- name: CBBOT_POLL_SECONDS
  value: {{ .Values.operator.pollSeconds | quote }}
- name: LOG_LEVEL
  value: {{ .Values.operator.logLevel | quote }}
- name: PORT
  value: "8080"
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
{{- end -}}
